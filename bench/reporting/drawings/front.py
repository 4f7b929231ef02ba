"""The Pareto front: points that nothing is both cheaper and more accurate than."""

from collections.abc import Sequence

Pair = tuple[float, float]


def pareto_front(points: Sequence[Pair]) -> list[Pair]:
    """Return the front of (cost, accuracy), cheapest first: each is more accurate than all that cost as little."""
    found: list[Pair] = []
    for cost, accuracy in sorted(set(points), key=lambda pair: (pair[0], -pair[1])):
        if not found or accuracy > found[-1][1]:
            found.append((cost, accuracy))
    return found
