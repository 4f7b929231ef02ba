"""What was found out, in a terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from eeinfer.backends.profile import Profile
from eeinfer.backends.row_costs import RowCosts
from eeinfer.bench.reporting.formats import NONE, significant
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bench.tune.page import ranked
from eeinfer.bench.tune.taken import agreements, mixed, picks_columns, picks_rows, taken_profile
from eeinfer.bench.tune.tune import Tuned
from eeinfer.bench.workers.workloads import leaving
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import bytes_in_front


def render_tuned(tuned: Tuned, bundle: Bundle) -> Group:
    """Return what a terminal shows: the settings tried, what is taken, and when rows are taken out of a batch."""
    profile, choice = taken_profile(tuned), tuned.choice
    return Group(
        Text(f"{profile.bundle} on {profile.cores} physical cores, {choice.processor}", style="bold"),
        "",
        _trials(tuned, len(bundle.manifest.segments)),
        "",
        *(Text(f"{backend} was left out: {reason}") for backend, reason in tuned.left_out.items()),
        *([_picks(tuned), ""] if len(tuned.profiles) > 1 else []),
        Text(choice.why(choice.pick())),
        *map(Text, agreements(choice)),
        *map(Text, mixed(tuned)),
        Text(choice.summary),
        "",
        _costs(profile),
        "",
        _break_even(profile, bundle),
        Text("the fewest rows that have to leave before it pays to take them out of the batch", style="dim"),
    )


def _trials(tuned: Tuned, exits: int) -> RenderableType:
    """Every setting of every backend, the quickest first."""
    places = taken_profile(tuned).exits
    heads = *(f"{leaving(k, exits)}\nms" for k in places), "mean over\nquickest"
    table = plain_table("backend", "threads", *heads)
    for ratio, backend, trial in ranked(tuned):
        table.add_row(backend, trial.threads, *map(significant, trial.ms), f"{ratio:.3f}")
    return table


def _picks(tuned: Tuned) -> RenderableType:
    """What is taken by whom."""
    table = plain_table(*picks_columns(tuned))
    for row in picks_rows(tuned):
        table.add_row(*row)
    return table


def _costs(profile: Profile) -> RenderableType:
    table = plain_table("ms per row\nin batches of", *(f"segment {k}" for k in range(len(profile.segment_ms))))
    for position, size in enumerate(profile.sizes):
        table.add_row(str(size), *(significant(segment[position] / size) for segment in profile.segment_ms))
    return table


def _break_even(profile: Profile, bundle: Bundle) -> RenderableType:
    """How many rows of a batch have to leave before each segment, at every size that was measured."""
    costs = profile.costs(bytes_in_front(bundle.manifest))
    later = range(1, len(profile.segment_ms))
    table = plain_table("batch", *(f"before\nsegment {k}" for k in later))
    for size in profile.sizes[1:]:
        table.add_row(str(size), *(_fewest_leaving(costs, k, size) for k in later))
    return table


def _fewest_leaving(costs: RowCosts, segment: int, rows: int) -> str:
    pays = (left for left in range(1, rows) if costs.worth_compacting(segment, rows, rows - left))
    return next(map(str, pays), NONE)
