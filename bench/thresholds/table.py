"""What was found, in a terminal and as JSON."""

from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eeinfer.bench.reporting.formats import NONE, percent, significant, times
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bench.thresholds.find import CERTIFIED, Found, Point
from eeinfer.bundle.certificate import BUDGET_FLOPS, BUDGET_MS, MAX_LOSS
from eeinfer.bundle.manifest import Manifest


def render_found(found: Found, manifest: Manifest) -> Group:
    """Return what a terminal shows: the promise, what keeps it beside what the eye picks, and exits that never pay."""
    lines = [verdict(found), *(line for line in (shortfall(found), never_pays(found)) if line)]
    return Group(
        Text(f"{found.config.promise}, {_certainty(found)}", style="bold"),
        Text(_images(found), style="dim"),
        "",
        _table(found, manifest),
        "",
        *(Text(line, style="bold" if place == 0 else "") for place, line in enumerate(lines)),
    )


def _images(found: Found) -> str:
    rows, certify = found.choice.rows, found.choice.certified_on
    if certify < rows:
        return f"{rows} images of {found.data}, {certify} of which certify"
    return f"{rows} images of {found.data} set the threshold and certify it: the bound allows for that, not the table"


def verdict(found: Found) -> str:
    """The answer in a sentence."""
    choice = found.choice
    if choice.found is None:
        return "no thresholds are shown to keep this promise; the bundle stays as it is"
    shown = "" if choice.upper is None else f", and no more than {_loss(found, choice.upper)} at this confidence"
    how = choice.method + ("" if choice.bound is None else f", {choice.bound}")
    return f"kept by tau {tau_list(choice.found.taus)}: {_loss(found, choice.found.loss)}{shown} ({how})"


def shortfall(found: Found) -> str:
    """What the data could show, and how many more images it would take; empty where the promise is kept."""
    choice = found.choice
    if choice.found is not None:
        return ""
    could = ""
    if choice.upper is not None and choice.upper > choice.limit:  # else those that are tested before them fail
        could = f"the safest thresholds that save anything: {_loss(found, choice.upper)}. "
    if choice.rows_needed is None:
        return f"{could}No number of images like these would show it: promise less"
    more = max(0, choice.rows_needed - choice.rows)
    if not more:
        return f"{could}{choice.rows} images can be enough for it, but these were not: give others, or promise less"
    return f"{could}About {more} more images, {choice.rows_needed} in all, would be enough if they are like these"


def never_pays(found: Found) -> str:
    """The exits that cost more than they save at these thresholds; empty where there are none."""
    if found.choice.found is None and found.choice.by_eye is None:  # nobody leaves early at what was weighed
        return ""
    idle = [str(row.exit) for row in found.weighed if not row.pays]
    if not idle:
        return ""
    which = f"exit {idle[0]} does" if len(idle) == 1 else f"exits {', '.join(idle)} do"
    dropped = "it" if len(idle) == 1 else "them"
    return f"at these thresholds {which} not pay on this machine; drop {dropped} with: eeinfer prune"


def as_json(found: Found) -> dict[str, Any]:
    """Everything, as JSON takes it."""
    names = ("data", "labelled", "choice", "certificate", "static", "weighed")
    return {
        "promise": msgspec.to_builtins(found.config.promise),
        **{name: msgspec.to_builtins(getattr(found, name)) for name in names},
        "points": [
            {
                "name": point.name,
                "outcome": msgspec.to_builtins(point.outcome),
                "flops": point.flops,
                "timing": msgspec.to_builtins(point.timing),
            }
            for point in found.points
        ],
    }


def tau_list(taus: tuple[float, ...]) -> str:
    """Thresholds as people read them: one number where all exits share it, without the last exit's where not."""
    shown = taus[:1] if len(set(taus)) == 1 else taus[:-1]
    return ", ".join(f"{tau:.4g}" for tau in shown)


def _certainty(found: Found) -> str:
    confidence = found.choice.confidence
    return "in expectation" if confidence is None else f"confidence {100 * confidence:.4g} %"


def _loss(found: Found, loss: float) -> str:
    """The mean of what is bounded, in the words of the promise."""
    promise = found.config.promise
    if promise.kind == MAX_LOSS:
        return f"{100 * loss:.2f} points lost"
    if promise.kind == BUDGET_FLOPS:
        return f"{100 * promise.value * loss / found.choice.limit:.1f} % of the FLOPs"
    if promise.kind == BUDGET_MS:
        return f"{loss:.3g} ms" if promise.percentile is None else f"{100 * loss:.2f} % slower than that"
    return f"{100 * loss:.2f} % " + ("wrong" if promise.kind == "min_accuracy" else "answered otherwise")


def _table(found: Found, manifest: Manifest) -> RenderableType:
    table = plain_table(
        "", "tau", "accuracy\n%", "agree\n%", "FLOPs\n%", "mean\nms", "p99\nms", "vs\nstatic", "exits\n%"
    )
    static = found.static
    label = percent(static.accuracy) if found.labelled else NONE
    table.add_row(
        "static network", NONE, label, NONE, "100", significant(static.timing.mean_ms),
        significant(static.timing.p99_ms), "1.00x", NONE,
    )  # fmt: skip
    for point in found.points:
        _add(table, point, manifest.flops.static, labelled=found.labelled)
    return table


def _add(table: Table, point: Point, static: int, *, labelled: bool) -> None:
    one, timing = point.outcome, point.timing
    total = sum(one.exits)
    table.add_row(
        point.name,
        tau_list(one.taus),
        percent(one.accuracy) if labelled else NONE,
        percent(one.agreement),
        percent(point.flops / static),
        NONE if timing is None else significant(timing.timing.mean_ms),
        NONE if timing is None else significant(timing.timing.p99_ms),
        NONE if timing is None else times(timing.speedup),
        " ".join(percent(count / total, 0) for count in one.exits),
        style="bold green" if point.name == CERTIFIED else None,
    )
