"""Conditional Deep Learning (Panda, Sengupta, Roy; DATE 2016): a linear classifier behind each stage of a CNN.

No code of the authors is known; this follows the idea as METHODS 3.13 specifies it. Each classifier is one fully
connected layer on the flattened features of a trained, frozen network (the disjoint regime). The paper trains them
one after the other; as they share nothing and the network does not move, training them at once is the same.
Which of them are worth their cost is decided stage by stage in `eeinfer.training.exits.gain`.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.reductions import reduction
from eeinfer.training.heads.types import Body, MapBody, map_shape
from eeinfer.training.methods.base import Method, Outputs, exit_logits
from eeinfer.training.methods.options import choice, number, own_heads, whole


class CDL(Method):
    """Linear classifiers, judged by their outputs alone.

    Options:
        confidence: "sigmoid", where each output is a probability by itself and training is one against the rest; or
            "max_softmax", the common reading.
        level: of "sigmoid": where a second class is above it as well, the row is ambiguous, scores 0 and goes on.
        prune_tau: after training, drop the exits that cost more than they save where rows leave above this
            threshold; measured on the validation images and recorded in the checkpoint. Absent: keep all.
        max_features: a map with more numbers is averaged over the smallest squares that bring it below.
    """

    score: ClassVar[str] = "own"
    options: ClassVar[frozenset[str]] = frozenset({"confidence", "level", "max_features", "prune_tau"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        own_heads(config)
        self.sigmoid = choice(config, "confidence", "sigmoid", ("sigmoid", "max_softmax")) == "sigmoid"
        self.level = number(config, "level", 0.5, 0.0, 1.0)
        number(config, "prune_tau", 0.0, 0.0, 1.0)  # checked here, used when training ends
        limit = whole(config, "max_features", 4096, 1)
        self.heads = nn.ModuleList(_linear(_flat(spec, limit), num_classes) for spec in specs)

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the logits [B,K] and scores [B] of every exit, the network's own last, which softmax judges."""
        logits = [*(head(feature) for head, feature in zip(self.heads, features, strict=True)), final]
        scores = [unambiguous(early, self.level) if self.sigmoid else _max_softmax(early) for early in logits[:-1]]
        return {"logits": logits, "scores": [*scores, _max_softmax(final)]}

    def loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the weighted losses: one against the rest for sigmoid exits, cross-entropy for the last one."""
        if not self.sigmoid:
            return super().loss(outputs, targets, weights, label_smoothing)
        *early, final = exit_logits(outputs)
        wanted = F.one_hot(targets, self.num_classes).float() * (1 - label_smoothing)
        wanted = wanted + label_smoothing / self.num_classes
        losses = [F.binary_cross_entropy_with_logits(logits.float(), wanted) * self.num_classes for logits in early]
        losses.append(F.cross_entropy(final, targets, label_smoothing=label_smoothing))
        return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()


def unambiguous(logits: Tensor, level: float) -> Tensor:
    """Return the largest sigmoid [B] of each row, and 0 where the second largest is above `level` too."""
    best = torch.sigmoid(logits.float()).topk(2, dim=1).values
    return torch.where(best[:, 1] > level, torch.zeros_like(best[:, 0]), best[:, 0])


def _max_softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits.float(), 1).amax(1)


def _linear(body: Body, num_classes: int) -> nn.Module:
    return nn.Sequential(body, nn.Linear(body.width, num_classes))


def _flat(spec: FeatureSpec, limit: int) -> Body:
    """Build what flattens a feature; squares that do not fit at the map's lower and right border are left out."""
    if spec.kind != "map":
        return reduction(spec)
    channels, height, width = map_shape(spec, "CDL")
    sizes = range(1, min(height, width) + 1)
    side = next((k for k in sizes if channels * (height // k) * (width // k) <= limit), min(height, width))
    return MapBody(spec, nn.AvgPool2d(side) if side > 1 else nn.Identity())
