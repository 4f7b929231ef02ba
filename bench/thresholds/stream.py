"""A stream that shifts: what fixed thresholds come to lose there, beside thresholds that an `eeinfer.Retuner` moves.

    python -m eeinfer.bench.thresholds.stream

Rows of a known population, then as many of which a quarter gets wrong answers from the early exits with the same scores
as before, then calm again. The fixed thresholds were certified on rows of the calm part. The full network is run for a
share of the rows, which costs; that is counted.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.thresholds.populations import Population, smooth
from eeinfer.rule import leaves
from eeinfer.thresholds import Retuner, choose

Array = NDArray[Any]

CONSISTENCY, CONFIDENCE, CERTIFYING, SPOILT = 0.92, 0.95, 2000, 0.25


@dataclass(frozen=True, kw_only=True)
class Course:
    """What thresholds did along a stream. P parts."""

    name: str
    risks: tuple[float, ...]  # [P] share of rows answered otherwise than the full network does
    risk: float  # of all rows
    seen: float  # of the rows that the retuner looked at; NaN without one
    bound: float  # of that; infinite without one
    cost: float  # mean, the full network run for the sake of looking included, in its cost


def spoilt(population: Population, share: float, random: np.random.Generator) -> Population:
    """Return the rows with wrong answers of the early exits in a share of them, scores as they were."""
    hit = random.random(len(population.labels)) < share
    predictions = population.predictions.copy()
    predictions[hit, :-1] = (predictions[hit, -1:] + 1) % 10
    return Population(scores=population.scores, predictions=predictions, labels=population.labels)


def shifting(rows: int, seed: int = 0) -> list[Population]:
    """Return three parts of a stream, ``rows`` each: calm, shifted, calm."""
    population, random = smooth(), np.random.default_rng(seed)
    calm, shifted, after = (population.draw(rows, random) for _ in range(3))
    return [calm, spoilt(shifted, SPOILT, random), after]


def certified_taus(seed: int = 0) -> tuple[float, ...]:
    """Return thresholds that are good for the calm parts."""
    drawn = smooth().draw(CERTIFYING, np.random.default_rng([seed, 1]))
    found = choose(drawn.scores, drawn.predictions, consistency=CONSISTENCY, confidence=CONFIDENCE, seed=seed)
    assert found.taus is not None, "so many calm rows can show it"
    return found.taus


def run(name: str, parts: Sequence[Population], taus: tuple[float, ...], retuner: Retuner | None = None) -> Course:
    """Take a stream row by row."""
    losses, costs = [], []
    for part in parts:
        lost, cost = zip(*(_row(part, i, taus, retuner) for i in range(len(part.labels))), strict=True)
        losses.append(lost)
        costs.append(cost)
    return Course(
        name=name,
        risks=tuple(float(np.mean(lost)) for lost in losses),
        risk=float(np.mean(losses)),
        seen=math.nan if retuner is None else retuner.loss,
        bound=math.inf if retuner is None else retuner.bound,
        cost=float(np.mean(costs)),
    )


def _row(part: Population, i: int, taus: tuple[float, ...], retuner: Retuner | None) -> tuple[bool, float]:
    """Whether row i is answered otherwise, and what it costs."""
    scores, answers = part.scores[i], part.predictions[i]
    now = taus if retuner is None else retuner.tau
    last = len(now) - 1
    k = next((k for k in range(last) if leaves(scores[k], now[k])), last)
    cost = (k + 1) / (last + 1)
    if retuner is not None and retuner.looks():
        retuner.saw(answers[k], answers[-1])
        cost += 1
    return bool(answers[k] != answers[-1]), cost


def main() -> None:
    """Print a line per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="of each of the three parts")
    parser.add_argument("--share", type=float, default=0.1, help="of the rows for which the full network is run")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    parts, taus = shifting(given.rows, given.seed), certified_taus(given.seed)
    steady = Retuner(taus, consistency=CONSISTENCY, share=given.share, seed=given.seed)
    falling = Retuner(taus, consistency=CONSISTENCY, share=given.share, seed=given.seed, decay=0.3)
    print(f"promised: at most {1 - CONSISTENCY:.1%} answered otherwise; {given.rows} rows a part, seed {given.seed}")
    print(f"{'thresholds':<22} {'calm':>6} {'shift':>6} {'calm':>6} {'all':>6} {'looked':>7} {'bound':>6} {'cost':>6}")
    for found in (
        run("fixed, certified", parts, taus),
        run("retuned, step 0.5", parts, taus, steady),
        run("retuned, falling step", parts, taus, falling),
    ):
        risks = " ".join(f"{risk:6.2%}" for risk in (*found.risks, found.risk))
        print(f"{found.name:<22} {risks} {found.seen:7.2%} {found.bound:6.2%} {found.cost:6.3f}")


if __name__ == "__main__":
    main()
