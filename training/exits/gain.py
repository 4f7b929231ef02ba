"""Which exits are worth their cost: CDL's stage-by-stage test (Panda, Sengupta, Roy; DATE 2016; METHODS 3.13).

An exit saves what the rest of the network would have cost the rows that leave there, and it costs its head for
every row that reaches it. Walking from the first exit to the last, one that does not save more than it costs is
dropped, and its rows go on to the next.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class StageGain:
    """The balance of one exit, per image of the whole set; costs in FLOPs, 1 multiply-add = 1."""

    exit: int
    reaching: float  # share of all rows that come here
    leaving: float  # share of all rows that would leave here
    remaining_cost: float  # of the network behind this exit, later heads not counted
    head_cost: float

    @property
    def gain(self) -> float:
        """What the exit saves per image, less what it costs."""
        return self.leaving * self.remaining_cost - self.reaching * self.head_cost

    @property
    def kept(self) -> bool:
        """Whether the exit saves more than it costs."""
        return self.gain > 0

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {**asdict(self), "gain": self.gain, "kept": self.kept}


def stage_gains(
    leaves: NDArray[np.bool_], trunk_costs: Sequence[float], head_costs: Sequence[float]
) -> tuple[StageGain, ...]:
    """Return the balance of every early exit, each judged on the rows that the kept ones before it let through.

    Args:
        leaves: [N, E], whether a row would leave at an exit if it came there.
        trunk_costs: of the network without heads up to each of the E exits, and last all of it.
        head_costs: of each of the E heads.
    """
    rows, exits = leaves.shape
    assert len(trunk_costs) == exits + 1
    assert len(head_costs) == exits
    here, gains = np.ones(rows, bool), []
    for k in range(exits):
        stage = StageGain(
            exit=k,
            reaching=float(here.mean()),
            leaving=float((here & leaves[:, k]).mean()),
            remaining_cost=float(trunk_costs[-1] - trunk_costs[k]),
            head_cost=float(head_costs[k]),
        )
        gains.append(stage)
        if stage.kept:
            here = here & ~leaves[:, k]
    return tuple(gains)


def head_costs(exit_costs: Sequence[int], trunk_costs: Sequence[int]) -> tuple[int, ...]:
    """Return the FLOPs of each early head, from what leaving at each exit costs with and without heads."""
    heads_so_far = [whole - trunk for whole, trunk in zip(exit_costs[:-1], trunk_costs[:-1], strict=True)]
    return tuple(now - before for now, before in zip(heads_so_far, [0, *heads_so_far], strict=False))
