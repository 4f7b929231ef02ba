"""What is taken of the settings that were tried, by whom, and how far the backends' answers agree."""

from collections.abc import Iterator

import numpy as np

from eeinfer.backends.chosen import Agreement, Choice, Pick
from eeinfer.backends.profile import Profile
from eeinfer.bench.reporting.formats import NONE
from eeinfer.bench.tune.tune import Tuned

PICKS = (
    "A command has its process to itself, so that all segments may share one set of threads; eeinfer.load in a program "
    "leaves the other threads of its program alone. Another library is taken where it answers alike in less than "
    "0.98 of the first one's time with as many threads."
)


def taken_profile(tuned: Tuned) -> Profile:
    """Return the profile of the backend that `eeinfer.load` takes."""
    return tuned.profiles[tuned.choice.pick().backend]


def picks_columns(tuned: Tuned) -> list[str]:
    """Return the heads of `picks_rows`."""
    first, *others = tuned.profiles
    return ["who asks", "takes", *(f"{other} over {first}" for other in others)]


def picks_rows(tuned: Tuned) -> list[list[str]]:
    """Return who asks for how many threads, what is taken then, and what the others take of the first one's time."""
    _, *others = tuned.profiles
    return [
        [
            _asked(pick),
            pick.taken,
            *(f"{pick.ratios[other]:.2f}" if other in pick.ratios else NONE for other in others),
        ]
        for pick in tuned.choice.picks
    ]


def _asked(pick: Pick) -> str:
    if pick.process:
        return "a command" if pick.threads is None else f"a command with --threads {pick.threads}"
    return "eeinfer.load" if pick.threads is None else f"eeinfer.load, threads={pick.threads}"


def mixture(tuned: Tuned, pick: Pick) -> float:
    """Return what a cascade of the quickest backend for each segment would take of the time of what is taken, at best.

    The differences between the exits that were tried say what lies between them; passing tensors on would come on top.
    """
    found = {
        backend: next(trial.ms for trial in tuned.profiles[backend].trials if trial.threads == threads)
        for backend, threads in pick.settings.items()
    }
    between = np.diff(list(found.values()), axis=1, prepend=0)  # [backends, exits tried]
    return float(np.mean(np.cumsum(between.min(axis=0)) / found[pick.backend]))


def mixed(tuned: Tuned) -> Iterator[str]:
    """Return a sentence on what mixing backends could gain, where there are several."""
    if len(tuned.profiles) == 1:
        return
    beside, whole = (mixture(tuned, tuned.choice.pick(process=process)) for process in (False, True))
    yield (
        f"Each segment by the backend that is quickest for it would take {beside:.2f} of eeinfer.load's time at best "
        f"and {whole:.2f} of a command's, before anything is passed on"
    )


def agreements(choice: Choice) -> Iterator[str]:
    """Return a sentence for each backend but the first: how its answers compare with that one's."""
    for other in choice.candidates:
        same = other.agreement
        if same is not None:
            yield (
                f"{other.backend} answers {same.rows} rows at every exit as {choice.candidates[0].backend} does: "
                f"{same.predictions:.2%} of classes, {same.decisions:.2%} of decisions at {len(same.taus)} thresholds, "
                f"scores within {same.score_error:.1e}{_left_out(same)}"
            )


def _left_out(same: Agreement) -> str:
    if same.compared == 1:
        return ""
    return (
        f"; of an exit up to {1 - same.compared:.0%} of the rows hang on the last bit of their pixels and tell nothing"
    )
