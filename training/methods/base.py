"""What a method is: heads, how their answers combine across exits, a loss and a score."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.config import MethodConfig, PhaseConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods.stages import Stage

# Logits [B,K] per exit, or {"logits": [...], "scores": [...]} where the method judges its exits itself; a method may
# add keys of its own in training mode, which its loss reads.
Outputs: TypeAlias = tuple[Tensor, ...] | Mapping[str, Sequence[Tensor]]


def exit_logits(outputs: Outputs) -> tuple[Tensor, ...]:
    """Return the logits [B,K] of every exit, whatever form the method's outputs have."""
    return tuple(outputs["logits"] if isinstance(outputs, Mapping) else outputs)


def resolve_weights(weights: str | tuple[float, ...], num_exits: int) -> tuple[float, ...]:
    """Return one loss factor per exit for "mean", "sum", "linear" (i+1, normalised), "early" (1, the last 0.3).

    "mean" divides by the number of exits: with plain SGD a head then learns the slower the more exits there are
    (METHODS 4.6). Factors are returned as they are.
    """
    if weights == "mean":
        return (1 / num_exits,) * num_exits
    if weights == "sum":
        return (1.0,) * num_exits
    if weights == "linear":
        return tuple((i + 1) / (num_exits * (num_exits + 1) / 2) for i in range(num_exits))
    if weights == "early":
        return (1.0,) * (num_exits - 1) + (0.3,)
    assert not isinstance(weights, str), "settled by the method"
    assert len(weights) == num_exits
    return weights


class Method(nn.Module):
    """Base of every early-exit method. A subclass builds its heads and says how they answer.

    Args:
        specs: what each exit reads, in order.
        num_classes: K.
        config: head shape and the method's own options.
    """

    score: ClassVar[str] = "max_softmax"  # what an exported exit is judged by; "own" where forward gives scores
    loss_weights: ClassVar[str] = "mean"  # what "method" means in TrainConfig.loss_weights
    options: ClassVar[frozenset[str]] = frozenset()  # names allowed in MethodConfig.options
    needs_costs: ClassVar[bool] = False  # whether take_costs is to be called once the exits are in place
    selects_by_objective: ClassVar[bool] = False  # weights are selected by `objective`, not by accuracy

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.config = config

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Answer at every exit.

        Args:
            features: what the tapped blocks gave, in order.
            final: logits [B,K] of the network's own classifier, which is the last exit.
        """
        raise NotImplementedError

    def take_costs(self, shares: Sequence[float]) -> None:
        """Take the cost of leaving at each exit, heads included, as shares of what the last exit costs."""

    def loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the weighted sum of the exits' cross-entropies; `targets` [B] int64."""
        losses = [F.cross_entropy(logits, targets, label_smoothing=label_smoothing) for logits in exit_logits(outputs)]
        return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()

    def objective(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """Return how bad the answers [B,...] to validation images are, one number per image [B], in eval mode.

        Asked only where `selects_by_objective` is set: the weights of the smallest mean are kept.
        """
        raise NotImplementedError

    def stages(self, phase: int, settings: PhaseConfig) -> tuple[Stage, ...]:
        """Return the parts in which phase 2 or 3 runs, one after the other; a single one unless a method needs more."""
        return (Stage(settings=settings),)
