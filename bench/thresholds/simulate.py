"""Are promises kept? Thresholds chosen again and again from rows of populations whose risk is known.

    python -m eeinfer.bench.thresholds.simulate --draws 2000

Per population, promise, bound and way of choosing: in what share of the draws the promise is broken, what is saved, and
the same of the naive choice, the fastest thresholds that keep the promise on the very rows they are picked on.
"""

import argparse
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from eeinfer.bench.thresholds.populations import POPULATIONS, Population
from eeinfer.thresholds import Choice, Promise, choose
from eeinfer.thresholds.bounds import BETTING, CLOPPER_PEARSON, HOEFFDING_BENTKUS
from eeinfer.thresholds.given import Rows, as_rows
from eeinfer.thresholds.paths import at, exits_of
from eeinfer.thresholds.promises import CONSISTENCY, MAX_COST, MAX_LOSS, MIN_ACCURACY, Task, as_task

CONFIDENCE = 0.9
ROWS = 400  # of a draw

# Of the tied ones just less than what some threshold does, of the bumpy ones less than the bump: there they are hard.
_PROMISES = {
    "smooth": {MAX_LOSS: 0.06, MIN_ACCURACY: 0.88, CONSISTENCY: 0.92, MAX_COST: 0.45},
    "bumpy": {MAX_LOSS: 0.03, MIN_ACCURACY: 0.85, CONSISTENCY: 0.9, MAX_COST: 0.7},
    "tied": {MAX_LOSS: 0.047, MIN_ACCURACY: 0.897, CONSISTENCY: 0.927, MAX_COST: 0.66},
}
_BOUNDS = {
    MAX_LOSS: (BETTING, HOEFFDING_BENTKUS),
    MIN_ACCURACY: (CLOPPER_PEARSON, HOEFFDING_BENTKUS, BETTING),
    CONSISTENCY: (CLOPPER_PEARSON, HOEFFDING_BENTKUS, BETTING),
    MAX_COST: (BETTING, HOEFFDING_BENTKUS),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One promise about one population, and how it is to be shown."""

    population: str
    kind: str
    value: float
    bound: str | None  # None: in expectation
    per_exit: bool | None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What came of it over all draws."""

    broken: float  # share of draws; a draw without thresholds breaks nothing
    risk: float  # mean over draws of the true mean loss, without thresholds that of nobody leaving early
    cost: float  # mean over draws of the true mean cost
    saved: float  # mean over draws of what the thresholds truly spare, of cost, or of errors where cost is bounded
    none: float  # share of draws without thresholds
    naive_broken: float
    naive_cost: float


def cases() -> Iterator[Case]:
    """Yield every population, promise and bound with one threshold; with the sharpest bound the other ways too."""
    for population, (kind, bounds) in itertools.product(POPULATIONS, _BOUNDS.items()):
        value = _PROMISES[population][kind]
        ways = [(bound, False) for bound in bounds] + [(bounds[0], True), (bounds[0], None), (None, False)]
        for bound, per_exit in ways:
            yield Case(population=population, kind=kind, value=value, bound=bound, per_exit=per_exit)


def simulate(case: Case, draws: int, *, rows: int = ROWS, seed: int = 0) -> Kept:
    """Choose thresholds from ``draws`` samples of ``rows`` rows, and look up what they do to the whole population."""
    population, random = POPULATIONS[case.population](), np.random.default_rng(seed)
    known = as_rows(population.scores, population.predictions, population.labels, None, None)
    promise = Promise(kind=case.kind, value=case.value)
    task = as_task(promise, known.predictions, known.labels, known.full, known.costs)
    truths = []
    for draw in range(draws):
        found = _chosen(case, population.draw(rows, random), draw)
        naive = found.never_early if found.by_eye is None else found.by_eye
        truths.append((*_truth(found.taus, known, task), *_truth(naive.taus, known, task)))
    risks, costs, saved, none, naive_risks, naive_costs, _, _ = np.array(truths).T
    limit = task.limit + 1e-12
    return Kept(
        broken=float(((risks > limit) & (none == 0)).mean()),
        risk=float(risks.mean()),
        cost=float(costs.mean()),
        saved=float(saved.mean()),
        none=float(none.mean()),
        naive_broken=float((naive_risks > limit).mean()),
        naive_cost=float(naive_costs.mean()),
    )


def most_broken(draws: int) -> float:
    """Return the share of draws in which promises may be broken, with two standard errors for chance."""
    delta = 1 - CONFIDENCE
    return delta + 2 * math.sqrt(delta * (1 - delta) / draws)


def shares_of_best(found: Mapping[Case, Kept]) -> dict[Case, float]:
    """Return what the bound that is taken unasked saves, as a share of the best that any of the bounds certified.

    It is asked where one threshold is looked for, the first of the bounds in `cases` being the one taken.
    """
    shares = {}
    for case, kept in found.items():
        if case.per_exit is False and case.bound == _BOUNDS[case.kind][0]:
            best = max(each.saved for one, each in found.items() if one.bound and _alike(one, case))
            shares[case] = kept.saved / best if best > 0 else 1.0
    return shares


def _alike(one: Case, other: Case) -> bool:
    """Whether they differ in the bound alone."""
    return replace(one, bound=None) == replace(other, bound=None)


def _chosen(case: Case, draw: Population, seed: int) -> Choice:
    return choose(
        draw.scores,
        draw.predictions,
        draw.labels,
        max_loss=case.value if case.kind == MAX_LOSS else None,
        min_accuracy=case.value if case.kind == MIN_ACCURACY else None,
        consistency=case.value if case.kind == CONSISTENCY else None,
        max_cost=case.value if case.kind == MAX_COST else None,
        confidence=CONFIDENCE,
        in_expectation=case.bound is None,
        per_exit=case.per_exit,
        bound=case.bound,
        seed=seed,
    )


def _truth(taus: tuple[float, ...] | None, known: Rows, task: Task) -> tuple[float, float, float, bool]:
    """Risk, mean cost and what is saved in the population, and whether there were no thresholds."""
    exits = np.ones(known.scores.shape[1]) if taus is None else np.array(taus)
    [left] = exits_of(known.scores, exits[np.newaxis].astype(np.float32))
    safest = task.dear[:, -1 if task.saves else 0].mean()
    saved = 0.0 if taus is None else float(safest - at(task.dear, left).mean())
    return float(at(task.losses, left).mean()), float(at(known.costs, left).mean()), saved, taus is None


def main() -> None:
    """Print a line per case, and say whether all promises were kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    print(
        f"{'population':<10} {'promise':<20} {'bound':<18} {'thresholds':<10} broken  risk    cost   none | naive  cost"
    )
    kept, all_found = True, dict[Case, Kept]()
    for case in cases():
        found = all_found[case] = simulate(case, given.draws, rows=given.rows)
        way = {None: "both", False: "one", True: "per exit"}[case.per_exit]
        kept &= found.broken <= most_broken(given.draws) if case.bound else True
        print(
            f"{case.population:<10} {f'{case.kind} {case.value}':<20} {case.bound or 'in expectation':<18} {way:<10} "
            f"{found.broken:6.1%} {found.risk:7.4f} {found.cost:6.3f} {found.none:6.1%} | "
            f"{found.naive_broken:5.1%} {found.naive_cost:6.3f}",
            flush=True,
        )
    shares = shares_of_best(all_found)
    print(f"the bound that is taken saves at least {min(shares.values()):.1%} of the best that any bound could certify")
    print(f"the naive choice breaks {min(all_found[case].naive_broken for case in shares):.1%} or more")
    print(f"at most {most_broken(given.draws):.1%} may be broken: " + ("kept" if kept else "BROKEN"))


if __name__ == "__main__":
    main()
