"""The report as one HTML file that needs nothing else: styles and plots are inline, there are no scripts."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from eeinfer.bench.reporting import plots, sentences
from eeinfer.bench.reporting.formats import (
    FlopsUnit,
    chosen,
    device_times,
    flops_unit,
    has_device_times,
    headline,
    milliseconds,
    percent,
    point_text,
    selection,
    significant,
    times,
)
from eeinfer.bench.reporting.report import Network, Report, Threshold
from eeinfer.bench.timing.clock import Timing


def html_page(report: Report) -> str:
    """Return the whole page."""
    return whole_page(
        "eeinfer bench",
        sentences.title(report),
        (
            f"{paragraph(sentences.circumstances(report))}{_warning(report)}",
            _cards(report),
            _plots(report),
            _thresholds(report),
            _budgets(report),
            _overheads(report),
            _break_even(report) if report.break_even else "",
            _circumstances(report),
        ),
    )


def whole_page(command: str, title: str, parts: Sequence[str]) -> str:
    """Return a page of HTML ``parts``, the first of which belongs to the header; styles are inline."""
    heading, *sections = parts
    style = resources.files("eeinfer.bench.reporting").joinpath("page.css").read_text(encoding="utf-8")
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}: {command}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>",
            f"<header><p>{command}</p><h1>{escape(title)}</h1>{heading}</header>",
            *sections,
            "</main>\n</body>\n</html>\n",
        )
    )


def _warning(report: Report) -> str:
    text = sentences.warning(report)
    return f"<p class=warning>{escape(text)}</p>" if text else ""


def _cards(report: Report) -> str:
    row, static, unit = headline(report), report.static, flops_unit(report)
    ratio = "undefined" if row.saved_ratio is None else f"{row.saved_ratio:.2f}"
    static_ms = milliseconds(report, static.timing.mean_ms)
    cards = (
        (f"{percent(row.accuracy)} %", "accuracy", f"static network {percent(static.accuracy)} %"),
        (f"{milliseconds(report, row.timing.mean_ms)} ms", "per image", f"static {static_ms} ms, {times(row.speedup)}"),
        (f"{unit.text(row.mean_flops)} {unit.name}", "per image", f"static {unit.text(static.flops)} {unit.name}"),
        (ratio, "latency saved over FLOPs saved", "1 is ideal, below 0 is slower than static"),
    )
    lead = f"At {chosen(report)}, {sentences.choice(report)}"
    body = "".join(f"<li><b>{escape(big)}</b><span>{name}</span><i>{note}</i></li>" for big, name, note in cards)
    return f"<section><h2>{lead}</h2><ul class=cards>{body}</ul></section>"


def _plots(report: Report) -> str:
    pair = (
        figure(plots.accuracy_against_flops(report), "Accuracy against analytic cost"),
        figure(plots.accuracy_against_ms(report), "Accuracy against measured time"),
    )
    shares = figure(plots.exit_shares(report), "Where images leave; the dashed line is the threshold above")
    return f"<section><div class=pair>{''.join(pair)}</div>{shares}</section>"


def figure(svg: str, caption: str) -> str:
    """Return a plot with its caption, which is HTML."""
    return f"<figure><figcaption>{caption}</figcaption>{svg}</figure>"


def _thresholds(report: Report) -> str:
    unit = flops_unit(report)
    exits = [f"exit {k} %" for k in range(len(report.bundle.modules))]
    columns = [
        report.grid.parameter,
        "accuracy %",
        unit.name,
        *exits,
        "mean ms",
        "median",
        "min",
        "p90",
        "p99",
        "vs static",
        "saved",
    ]
    shown = selection(report)
    rows = [_threshold_row(report, index, unit) for index in shown]
    fixed = [_network_row(report, network, unit) for network in (report.static, report.all_exits, *report.cuts)]
    every = [_threshold_row(report, index, unit) for index in range(len(report.thresholds))]
    return (
        f"<section><h2>Thresholds and fixed networks</h2>{table(columns, [*rows, *fixed])}"
        f"{paragraph(_timing_note(report))}{paragraph(sentences.SAVED)}{paragraph(sentences.CUTS)}"
        f"<details><summary>All {len(every)} thresholds</summary>{table(columns, every)}"
        f"{paragraph(sentences.grid(report))}</details></section>"
    )


def _timing_note(report: Report) -> str:
    batch = report.settings.batch
    calls = f"Milliseconds are per image, in calls of {batch} images. " if batch > 1 else ""
    return f"{calls}{sentences.METHOD}"


def _threshold_row(report: Report, index: int, unit: FlopsUnit) -> tuple[str, Sequence[str]]:
    row: Threshold = report.thresholds[index]
    shares = [percent(share) for share in row.shares]
    saved = "-" if row.saved_ratio is None else f"{row.saved_ratio:.2f}"
    cells = [point_text(report, row.point), percent(row.accuracy, 2), unit.text(row.mean_flops), *shares]
    return (
        "chosen" if index == report.headline else "",
        [*cells, *_times(report, row.timing), times(row.speedup), saved],
    )


def _network_row(report: Report, network: Network, unit: FlopsUnit) -> tuple[str, Sequence[str]]:
    blank = [""] * len(report.bundle.modules)
    speedup = times(report.static.timing.mean_ms / network.timing.mean_ms)
    cells = [network.name, percent(network.accuracy, 2), unit.text(network.flops), *blank]
    return "cut" if network in report.cuts else "fixed", [*cells, *_times(report, network.timing), speedup, ""]


def _times(report: Report, timing: Timing) -> list[str]:
    values = (timing.mean_ms, timing.median_ms, timing.min_ms, timing.p90_ms, timing.p99_ms)
    return [milliseconds(report, value) for value in values]


def _budgets(report: Report) -> str:
    first = next(iter(report.budgets.values()))
    unit = flops_unit(report)
    rows = []
    for rule, cells in report.budgets.items():
        rows.append(("", [rule, *(percent(cell.accuracy, 2) for cell in cells)]))
        rows.append(("sub", [report.grid.parameter, *(point_text(report, cell.point) for cell in cells)]))
        rows.append(("sub", [f"mean {unit.name}", *(unit.text(cell.mean_flops) for cell in cells)]))
    columns = ["accuracy % within a budget of", *(sentences.budget(cell.fraction) for cell in first)]
    return f"<section><h2>Compute budgets</h2>{table(columns, rows)}{paragraph(sentences.BUDGETS)}</section>"


def _overheads(report: Report) -> str:
    rows = [
        (
            "",
            [
                row.name,
                milliseconds(report, row.cascade_ms),
                milliseconds(report, row.session_ms),
                f"{row.ratio:.3f}",
                str(row.pairs),
                *device_times(row),
            ],
        )
        for row in report.overheads
    ]
    columns = ["cascade against one session", "cascade ms", "session ms", "ratio", "pairs"]
    notes = [paragraph(sentences.OVERHEAD)]
    if has_device_times(report):
        columns += ["cascade GPU ms", "session GPU ms"]
        notes.append(paragraph(sentences.DEVICE_TIMES))
    return f"<section><h2>Overhead</h2>{table(columns, rows)}{''.join(notes)}</section>"


def _break_even(report: Report) -> str:
    rows = [
        (
            "",
            [
                f"exit {row.exit}",
                percent(row.reached),
                percent(row.fired),
                percent(row.needed),
                significant(row.cost_ms),
                "-" if row.saved_ms is None else significant(row.saved_ms),
                "yes" if row.pays else "no",
            ],
        )
        for row in report.break_even
    ]
    columns = ["", "reached %", "leave %", "must leave %", "costs ms", "saves ms", "pays"]
    return (
        f"<section><h2>Does each exit pay at {chosen(report)}?</h2>{table(columns, rows)}"
        f"{paragraph(sentences.BREAK_EVEN)}</section>"
    )


def _circumstances(report: Report) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in sentences.facts(report))
    return f"<section><h2>Circumstances</h2><dl>{body}</dl>{paragraph(sentences.SAMPLE)}</section>"


def table(columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Return a table; each row is its CSS class and its cells."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        f'<tr class="{kind}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for kind, cells in rows
    )
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def paragraph(text: str) -> str:
    """Return a note."""
    return f"<p class=note>{escape(text)}</p>"
