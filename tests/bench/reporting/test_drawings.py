import json
import math

import msgspec

from eeinfer.bench import Report
from eeinfer.bench.reporting.drawings import Plot, as_json, of_bench, pareto_front


def test_the_front_is_what_nothing_beats_in_both() -> None:
    points = [(1.0, 80.0), (2.0, 90.0), (2.0, 85.0), (3.0, 90.0), (4.0, 91.0), (4.5, 70.0)]
    assert pareto_front(points) == [(1.0, 80.0), (2.0, 90.0), (4.0, 91.0)]
    assert pareto_front([]) == []


def test_a_plot_holds_every_threshold_and_network_with_intervals(report: Report) -> None:
    plot = of_bench.accuracy_against_ms(report)
    cascade, *others = plot.series
    assert [point.step for point in cascade.points] == list(range(len(report.thresholds)))
    assert sum(len(one.points) for one in others) == len(report.cuts) + 3  # static, all exits, the bundle's own
    for point in (point for one in plot.series for point in one.points):
        assert point.y_low is not None
        assert point.y_low <= point.y <= (point.y_high or 0)
        assert point.x_low is not None
        assert point.x_low <= point.x_high  # type: ignore[operator]  # both are known together
    shown = {(point.x, point.y) for one in plot.series[:-1] for point in one.points if not point.faded}
    assert shown == set(plot.front)


def test_shares_of_every_threshold_make_a_hundred(report: Report) -> None:
    layers = of_bench.exit_shares(report).series
    for points in zip(*(layer.points for layer in layers), strict=True):
        assert math.isclose(sum(point.y for point in points), 100)


def test_what_the_script_reads_is_json_without_nan(report: Report) -> None:
    plot = of_bench.accuracy_against_flops(report)
    assert msgspec.convert(json.loads(as_json(plot)), Plot) == plot
