import io

import msgspec
from rich.console import Console

from eeinfer.bench import Report, render


def printed(report: Report) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(render(report))
    return out.getvalue()


def test_the_terminal_shows_thresholds_baselines_budgets_and_overheads(report: Report) -> None:
    text = " ".join(printed(report).split())  # where lines break depends on the processor's name
    for expected in (
        "tiny on noise, cpu",
        "static network",
        "all exits",
        "cut at exit 1",
        "largest affordable tau",
        "best affordable accuracy",
        "never leaving, against all exits",
        "must leave",
        "latency saved over FLOPs saved",
        "of 11 thresholds shown, all of them run",
        "time on 12 of them",
        "1 multiply-add = 1",
    ):
        assert expected in text


def test_many_exits_are_shown_by_their_mean(report: Report) -> None:
    exits = 12
    rows = tuple(msgspec.structs.replace(row, shares=(0.0,) * (exits - 1) + (1.0,)) for row in report.thresholds)
    bundle = msgspec.structs.replace(report.bundle, modules=("m",) * exits)
    text = printed(msgspec.structs.replace(report, thresholds=rows, bundle=bundle))
    assert "mean" in text
    assert " 11.00 " in text


def test_a_report_without_break_even_is_shown(report: Report) -> None:
    assert "must leave" not in printed(msgspec.structs.replace(report, break_even=()))


def test_a_batch_is_shown_per_image_and_named(report: Report) -> None:
    settings = msgspec.structs.replace(report.settings, batch=4)
    assert "in batches of 4" in printed(msgspec.structs.replace(report, settings=settings))


def test_the_tables_fit_into_eighty_columns(report: Report) -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(render(report))
    assert "\u2026" not in out.getvalue()  # the ellipsis of a cell that was cut
