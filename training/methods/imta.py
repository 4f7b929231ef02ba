"""Improved techniques for adaptive networks (Li et al., ICCV 2019): inline features, one teacher for all exits.

The third technique, gradient equilibrium, is no part of the heads: ``TrainConfig.gradient_rescaling``.
Shapes: B batch, K classes.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.config import MethodConfig, PhaseConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.methods.base import Method, Outputs, exit_logits
from eeinfer.training.methods.options import number
from eeinfer.training.methods.previous import InlineConnection, read_width
from eeinfer.training.methods.stages import Stage


class IMTA(Method):
    """Heads that read the logits before them, taught by the network's own classifier.

    Phase 2 is the paper's first stage: plain heads, the sum of cross-entropies (with ``gradient_rescaling``). Phase 3
    is its second: the backbone rests, heads and connections train with distillation. Where the paper draws the
    classifiers anew for it, ours go on from what they learnt. The network's own classifier has no connection.

    Options:
        gamma: share of the teacher in the loss of an exit; 0.1.
        temperature: T, at which teacher and exit are compared; 1.
    """

    loss_weights: ClassVar[str] = "sum"
    options: ClassVar[frozenset[str]] = frozenset({"gamma", "temperature"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        self.gamma = number(config, "gamma", 0.1, 0, 1)
        self.temperature = number(config, "temperature", 1, 0.01, 100)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)
        self.connections = nn.ModuleList(InlineConnection(num_classes, read_width(head)) for head in self.heads[1:])

    def forward(self, features: Sequence[Tensor], final: Tensor) -> tuple[Tensor, ...]:
        """Return the logits [B,K] of every exit, the network's own last."""
        first, *later = (head(feature) for head, feature in zip(self.heads, features, strict=True))
        logits = [first]
        for own, connection in zip(later, self.connections, strict=True):
            logits.append(own + connection(logits[-1]))
        return (*logits, final)

    def distillation_loss(
        self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float
    ) -> Tensor:
        """Return CE of the last exit plus ``(1 - gamma) CE + gamma T^2 KL(teacher || exit)`` of the others, weighted.

        The teacher is the last exit at temperature T (section 3.3).
        """
        *exits, final = exit_logits(outputs)
        losses = [self._taught(logits, final.detach(), targets, label_smoothing) for logits in exits]
        losses.append(F.cross_entropy(final, targets, label_smoothing=label_smoothing))
        return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum()

    def _taught(self, logits: Tensor, teacher: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        learnt = F.cross_entropy(logits, targets, label_smoothing=label_smoothing)
        student, wanted = (F.log_softmax(each / self.temperature, -1) for each in (logits, teacher))
        taught = F.kl_div(student, wanted, reduction="batchmean", log_target=True)
        return (1 - self.gamma) * learnt + self.gamma * self.temperature**2 * taught

    def stages(self, phase: int, settings: PhaseConfig) -> tuple[Stage, ...]:
        """Leave the connections at rest in phase 2, distil in phase 3."""
        if phase == 2:
            return (Stage(settings=settings, frozen=frozenset({"connections"})),)
        return (Stage(settings=settings, loss=self.distillation_loss),)
