"""Scores: what an exit is judged by, one number in [0, 1] per row, larger meaning surer.

A row leaves where ``score > tau``. Each function maps logits [B, K] to a float32 score [B] and ends up inside
the segment's graph, so the host reads one float per row and knows nothing about methods.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from eeinfer.errors import ConfigError, did_you_mean

Score = Callable[[Tensor], Tensor]


def max_softmax(logits: Tensor) -> Tensor:
    """The probability of the predicted class (SDN, Kaya et al. 2019)."""
    return torch.softmax(logits.float(), dim=-1).amax(dim=-1)


def margin(logits: Tensor) -> Tensor:
    """How far the most probable class leads the second."""
    best = torch.softmax(logits.float(), dim=-1).topk(2, dim=-1).values
    return best[:, 0] - best[:, 1]


def entropy(logits: Tensor) -> Tensor:
    """One minus the entropy relative to its maximum ln K (BranchyNet, Teerapittayanon et al. 2016, turned round)."""
    log_p = torch.log_softmax(logits.float(), dim=-1).clamp(min=-200)  # 0 * log 0 is 0, and not NaN
    return 1 + (log_p.exp() * log_p).sum(dim=-1) / math.log(logits.shape[-1])


SCORES: dict[str, Score] = {"max_softmax": max_softmax, "margin": margin, "entropy": entropy}


def score_function(name: str) -> Score:
    """Look a score up by name.

    Raises:
        ConfigError: the name is not in the table.
    """
    if name not in SCORES:
        raise ConfigError(f"score {name!r} is not known; {did_you_mean(name, SCORES)}choose one of {', '.join(SCORES)}")
    return SCORES[name]
