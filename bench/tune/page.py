"""What was found out, as a page and as CSV."""

import numpy as np

from eeinfer.backends.profile import Profile, Trial
from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.reporting.files import csv_text
from eeinfer.bench.reporting.formats import significant
from eeinfer.bench.reporting.templates import drawn, page
from eeinfer.bench.tune.taken import PICKS, agreements, mixed, picks_columns, picks_rows, taken_profile
from eeinfer.bench.tune.tune import Tuned
from eeinfer.bench.workers.workloads import leaving

NOTE = (
    "Every setting has a process of its own and takes its turns at leaving at each of these exits. The ratio is the "
    "mean over them of its time over the quickest one's: 1 is the quickest everywhere."
)
ROWS = (
    "A row that leaves a batch is taken out where the rest of the network, for the smaller batch, is quicker by more "
    "than the move takes."
)
MODES = {
    "parked": "each segment has threads of its own, which sleep while they have nothing to do.",
    "stopping": "the same, but they wait awake inside a call and sleep after it.",
    "spinning": "the same, always awake: ONNX Runtime's own way, in which segments disturb each other.",
    "shared": "all segments, and whatever else runs in the process, share one set of threads.",
    "the number": "how many threads compute; several numbers are of the segments in their order.",
    "segment": "the part of the network from one exit to the next.",
}
_COLOURS = ("cascade", "static", "cut", "own", "#e8a200", "#56b4e9", "#cc79a7", "#8c6d31")


def tune_page(tuned: Tuned) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 is missing.
    """
    profile = taken_profile(tuned)
    rows = ranked(tuned)
    exits = [f"{leaving(k, len(profile.segment_ms))} ms" for k in profile.exits]
    return page(
        "tune.html",
        command="eeinfer tune",
        title=f"{profile.bundle}: settings tried on this machine",
        circumstances=f"{profile.cores} physical cores, {tuned.choice.processor}; {profile.created}",
        advice=_advice(tuned),
        settings=drawn(_settings(tuned), ""),
        costs=drawn(_costs(profile), ""),
        columns=["setting", *exits, "mean over quickest"],
        rows=[
            ("", [_name(backend, trial), *map(significant, trial.ms), f"{ratio:.3f}"]) for ratio, backend, trial in rows
        ],
        note_text=NOTE,
        rows_text=ROWS,
        picks_columns=picks_columns(tuned),
        picks=[("", row) for row in picks_rows(tuned)] if len(tuned.profiles) > 1 else [],
        picks_text=PICKS,
        agreement=" ".join(f"{line}." for line in (*agreements(tuned.choice), *mixed(tuned))),
        modes=list(MODES.items()),
        facts=[(backend, f"left out: {reason}") for backend, reason in tuned.left_out.items()],
    )


def _advice(tuned: Tuned) -> str:
    """What there is left to do: nothing."""
    taken = f"Nothing is left to do: on this machine eeinfer.load takes {_taken(tuned)} now"
    slowest, name, trial = ranked(tuned)[-1]
    if _name(name, trial) == _taken(tuned):
        return f"{taken}."
    return f"{taken}. The slowest setting, {_name(name, trial)}, takes {slowest:.2f} times as long."


def _taken(tuned: Tuned) -> str:
    """The setting that the engine takes: not always the quickest, since a library that has a lead must be worth it."""
    return tuned.choice.pick().taken


def tune_csv(tuned: Tuned) -> str:
    """Return a row for each setting, the quickest first."""
    exits = taken_profile(tuned).exits
    columns = ["backend", "threads", *(f"exit_{k}_ms" for k in exits), "ratio"]
    return csv_text(columns, ([backend, trial.threads, *trial.ms, ratio] for ratio, backend, trial in ranked(tuned)))


def ranked(tuned: Tuned) -> list[tuple[float, str, Trial]]:
    """Return every setting of every backend with its mean time over the quickest one's, the quickest first."""
    found = [(backend, trial) for backend, profile in tuned.profiles.items() for trial in profile.trials]
    least = np.min([trial.ms for _, trial in found], axis=0)
    rows = [(float(np.mean(trial.ms / least)), backend, trial) for backend, trial in found]
    return sorted(rows, key=lambda row: row[0])


def _name(backend: str, trial: Trial) -> str:
    return f"{backend} {trial.threads}"


def _settings(tuned: Tuned) -> Plot:
    rows = ranked(tuned)
    points = tuple(
        Point(
            x=ratio,
            y=place,
            label=_name(backend, trial),
            facts=("ms " + ", ".join(map(significant, trial.ms)),),
            number=f"{ratio:.2f}",
            faded=_name(backend, trial) != _taken(tuned),
        )
        for place, (ratio, backend, trial) in enumerate(rows)
    )
    return Plot(
        name="settings by their time over the quickest one's",
        kind="bars",
        x="time over the quickest one's",
        y_names=tuple(_name(backend, trial) for _, backend, trial in rows),
        series=(Series(name="settings", colour="cascade", points=points),),
    )


def _costs(profile: Profile) -> Plot:
    series = tuple(
        Series(
            name=f"segment {k}",
            colour=_COLOURS[k % len(_COLOURS)],
            line=True,
            points=tuple(
                Point(
                    x=place,
                    y=ms / size,
                    label=f"segment {k}, batch {size}",
                    facts=(f"{significant(ms / size)} ms a row, {significant(ms)} ms in all",),
                )
                for place, (size, ms) in enumerate(zip(profile.sizes, segment, strict=True))
            ),
        )
        for k, segment in enumerate(profile.segment_ms)
    )
    return Plot(
        name="milliseconds of a row in batches",
        x="rows in the batch",
        y="ms per row",
        x_names=tuple(map(str, profile.sizes)),
        y_from=0,
        series=series,
    )
