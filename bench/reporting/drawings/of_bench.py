"""The three plots of `eeinfer bench`: accuracy over FLOPs, over milliseconds, and where images leave."""

from collections.abc import Callable
from dataclasses import dataclass

from eeinfer.bench.reporting.drawings.front import pareto_front
from eeinfer.bench.reporting.drawings.spec import Plot, Point, Series
from eeinfer.bench.reporting.formats import (
    flops_unit,
    full_name,
    milliseconds,
    networks,
    own_name,
    percent,
    point_text,
    times,
)
from eeinfer.bench.reporting.report import Network, Report, Threshold
from eeinfer.bench.timing.clock import Timing
from eeinfer.thresholds.binomial import share_interval

_EXITS = ("#c7e9b4", "#7fcdbb", "#41b6c4", "#1d91c0", "#225ea8", "#0c2c84")  # readable on white and on black


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What is on the horizontal axis."""

    name: str
    threshold: Callable[[Threshold], float]
    network: Callable[[Network], float]
    interval: Callable[[Timing], tuple[float | None, float | None]]  # of what is measured


def accuracy_against_flops(report: Report) -> Plot:
    """Accuracy over mean FLOPs."""
    unit = flops_unit(report)
    axis = Axis(
        name=f"mean {unit.name} per image",
        threshold=lambda row: row.mean_flops / unit.divisor,
        network=lambda network: network.flops / unit.divisor,
        interval=lambda timing: (None, None),
    )
    return _pareto(report, axis, [*report.cuts, report.static])


def accuracy_against_ms(report: Report) -> Plot:
    """Accuracy over measured milliseconds per image."""
    batch = report.settings.batch
    axis = Axis(
        name="measured milliseconds per image",
        threshold=lambda row: row.timing.mean_ms / batch,
        network=lambda network: network.timing.mean_ms / batch,
        interval=lambda timing: (timing.low_ms / batch, timing.high_ms / batch),
    )
    return _pareto(report, axis, list(networks(report)))


def exit_shares(report: Report) -> Plot:
    """Which share of images leaves at each exit, over tau or, where no such number orders them, mean FLOPs."""
    unit, by_tau = flops_unit(report), report.grid.parameter == "tau"
    count = len(report.bundle.modules)
    at = [row.point if by_tau else row.mean_flops / unit.divisor for row in report.thresholds]
    layers = tuple(
        Series(
            name=f"leave at exit {k}",
            colour=_EXITS[round(k * (len(_EXITS) - 1) / max(1, count - 1))],
            points=tuple(
                Point(x=at[t], y=100 * row.shares[k], step=t, label=_name(report, row), facts=_shares(row))
                for t, row in enumerate(report.thresholds)
            ),
        )
        for k in range(count)
    )
    return Plot(
        name="share of images that leave at each exit",
        kind="areas",
        x="tau" if by_tau else f"mean {unit.name} per image",
        y="share of images, %",
        series=layers,
    )


def _pareto(report: Report, axis: Axis, fixed: list[Network]) -> Plot:
    every = [(axis.threshold(row), 100 * row.accuracy) for row in report.thresholds]
    front = pareto_front([*every, *((axis.network(network), 100 * network.accuracy) for network in fixed)])
    rows = [_point(report, axis, row, step) for step, row in enumerate(report.thresholds)]
    own = _point(report, axis, report.own.threshold, None, own_name(report))
    cascade = Series(
        name=f"cascade, a point for each {report.grid.parameter}",
        colour="cascade",
        mark="dot",
        line=True,
        points=_faded(rows, front),
    )
    groups = (
        ("an exit as a network of its own", "cut", "s", [n for n in fixed if n in report.cuts]),
        ("static network: no early exits", "static", "d", [report.static]),
        ("all exits computed, nobody leaves", "static", "hollow", [n for n in fixed if n is report.all_exits]),
    )
    networks_ = [
        Series(
            name=name,
            colour=colour,
            mark=mark,
            whiskers=True,
            points=_faded([_fixed(report, axis, network) for network in group], front),
        )
        for name, colour, mark, group in groups
        if group
    ]
    chosen = Series(name="the bundle's own thresholds", colour="own", mark="star", points=(own,))
    return Plot(
        name=f"accuracy against {axis.name}",
        x=axis.name,
        y="accuracy, %",
        series=(cascade, *networks_, chosen),
        front=tuple(front),
        x_from=0,
    )


def _faded(points: list[Point], front: list[tuple[float, float]]) -> tuple[Point, ...]:
    import msgspec

    return tuple(msgspec.structs.replace(point, faded=(point.x, point.y) not in front) for point in points)


def _point(report: Report, axis: Axis, row: Threshold, step: int | None, name: str = "") -> Point:
    low, high = _accuracy_interval(report, row.accuracy)
    left, right = axis.interval(row.timing)
    unit = flops_unit(report)
    return Point(
        x=axis.threshold(row),
        y=100 * row.accuracy,
        x_low=left,
        x_high=right,
        y_low=low,
        y_high=high,
        step=step,
        label=name or _name(report, row),
        facts=(
            f"{percent(row.accuracy)} % right ({low:.1f} to {high:.1f})",
            f"{milliseconds(report, row.timing.mean_ms)} ms, {times(row.speedup)} the static network",
            f"{unit.text(row.mean_flops)} {unit.name}",
            *_shares(row),
        ),
    )


def _fixed(report: Report, axis: Axis, network: Network) -> Point:
    low, high = _accuracy_interval(report, network.accuracy)
    left, right = axis.interval(network.timing)
    unit = flops_unit(report)
    return Point(
        x=axis.network(network),
        y=100 * network.accuracy,
        x_low=left,
        x_high=right,
        y_low=low,
        y_high=high,
        label=full_name(report, network),
        number=str(network.exit) if network in report.cuts else None,
        facts=(
            f"{percent(network.accuracy)} % right ({low:.1f} to {high:.1f})",
            f"{milliseconds(report, network.timing.mean_ms)} ms, {unit.text(network.flops)} {unit.name}",
        ),
    )


def _accuracy_interval(report: Report, accuracy: float) -> tuple[float, float]:
    low, high = share_interval(round(accuracy * report.data.images), report.data.images)
    return 100 * low, 100 * high


def _name(report: Report, row: Threshold) -> str:
    return f"{report.grid.parameter} {point_text(report, row.point)}"


def _shares(row: Threshold) -> tuple[str, ...]:
    return ("leave at exit " + ", ".join(f"{k}: {percent(share)} %" for k, share in enumerate(row.shares)),)
