"""PABEE (Zhou et al., "BERT Loses Patience", NeurIPS 2020): leave when enough exits in a row agree.

The heads are SDN's, as in the vision version (PBEE). What an exit is judged by is the run of exits that agree with
it, itself included, over the number of exits H: 1/H at the first exit and after every change of mind. It is kept in
the graph: the run length and the last prediction cross each cut.

Two conventions count patience (METHODS 3.4), and both become one threshold by `patience_tau`:

- original: a counter of agreements from 0; a row leaves when it *equals* the patience q; q = 0 runs the whole network.
- benchmark: a run length from 1; a row leaves when it is *above* t; t = 0 leaves at the first exit.

The run length is the counter plus one, so q and t of the same size from 1 on leave at the same exit.
"""

import itertools
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.methods.base import Outputs, exit_logits
from eeinfer.training.methods.sdn import SDN

CONVENTIONS = ("original", "benchmark")


class PABEE(SDN):
    """SDN's heads, a loss that grows with depth (section 3.2: weights j), patience as the score."""

    score: ClassVar[str] = "own"
    loss_weights: ClassVar[str] = "linear"
    options: ClassVar[frozenset[str]] = frozenset()

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the logits [B,K] of every exit and the agreeing run lengths over the number of exits [B]."""
        logits = exit_logits(super().forward(features, final))
        return {"logits": logits, "scores": agreement(logits)}


def agreement(logits: Sequence[Tensor]) -> list[Tensor]:
    """Return per exit how many exits in a row up to it predict the same class, over the number of exits [B]."""
    predictions = [exit.argmax(1) for exit in logits]
    run = torch.ones_like(logits[0][:, 0])
    runs = [run]
    for before, now in itertools.pairwise(predictions):
        run = torch.where(before == now, run + 1, torch.ones_like(run))
        runs.append(run)
    return [run / len(logits) for run in runs]


def patience_tau(patience: int, num_exits: int, convention: str = "original") -> float:
    """Return the threshold that leaves where `patience` does.

    It lies half-way between two run lengths, so that no rounding on any device moves a row to another exit.

    Args:
        patience: q of the original convention or t of the benchmark's, from 0.
        num_exits: H, the network's own classifier included.
        convention: "original" or "benchmark".

    Raises:
        ConfigError: a negative patience or an unknown convention.
    """
    if convention not in CONVENTIONS:
        raise ConfigError(unknown("patience convention", convention, CONVENTIONS))
    if patience < 0:
        raise ConfigError(f"patience is {patience}; give a whole number from 0")
    if patience >= num_exits or (patience == 0 and convention == "original"):
        return 1.0
    return (patience + 0.5) / num_exits
