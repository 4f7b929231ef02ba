"""Zero Time Waste (Wolczyk et al., NeurIPS 2021): heads read the logits before them, ensembles reuse them all.

Shapes: B batch, K classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.config import MethodConfig, PhaseConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.methods.base import Method, Outputs
from eeinfer.training.methods.ensembles import ENSEMBLES
from eeinfer.training.methods.options import choice, flag, number, whole
from eeinfer.training.methods.previous import CascadeConnection, read_width
from eeinfer.training.methods.stages import Stage


class ZTW(Method):
    """Cascading heads and one ensemble per exit, trained one after the other on a frozen backbone.

    Phase 3 has two stages: the heads, each towards its own cross-entropy; then the ensembles on what the heads give.
    In phase 2 both train at once, and the ensembles' loss does not reach the heads.

    Options:
        ensemble: "geometric" or "arithmetic".
        stacking: let the network's own classifier read the previous logits and join the last ensemble, as in the
            original code; without it the last exit answers alone, as in the authors' later benchmark.
        ensemble_epochs, ensemble_lr: of the second stage; 2 and 1e-3.
    """

    options: ClassVar[frozenset[str]] = frozenset({"ensemble", "stacking", "ensemble_epochs", "ensemble_lr"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        ensemble = ENSEMBLES[choice(config, "ensemble", "geometric", ENSEMBLES)]
        self.stacking = flag(config, "stacking")
        self.epochs = whole(config, "ensemble_epochs", 2, 1)
        self.lr = number(config, "ensemble_lr", 1e-3, 1e-9, 1e3)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)
        widths = [read_width(head) for head in self.heads[1:]]
        # The width behind the network's own classifier is not known here; the columns then start as a layer of K.
        self.cascades = nn.ModuleList(
            CascadeConnection(num_classes, width) for width in [*widths, *([0] * self.stacking)]
        )
        self.ensembles = nn.ModuleList(ensemble(i + 1, num_classes) for i in range(len(specs) + self.stacking))

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the ensembles' logits [B,K] per exit; in training also "heads", what each head says by itself."""
        own = [head(feature) for head, feature in zip(self.heads, features, strict=True)]
        own = self._cascaded([*own, final])
        log_p = [F.log_softmax(logits.detach(), -1) for logits in own[: len(self.ensembles)]]
        combined = [ensemble(torch.stack(log_p[: i + 1], 1)) for i, ensemble in enumerate(self.ensembles)]
        logits = tuple(combined) if self.stacking else (*combined, final)
        return {"logits": logits, "heads": own} if self.training else logits

    def _cascaded(self, own: Sequence[Tensor]) -> list[Tensor]:
        logits = [own[0]]
        for i, head in enumerate(own[1:]):
            logits.append(head + self.cascades[i](logits[-1]) if i < len(self.cascades) else head)
        return logits

    def loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the loss of the heads plus that of the ensembles, which share no parameter."""
        alone = self.heads_loss(outputs, targets, weights, label_smoothing)
        return alone + super().loss(outputs, targets, weights, label_smoothing)

    def heads_loss(self, outputs: Outputs, targets: Tensor, weights: Sequence[float], label_smoothing: float) -> Tensor:
        """Return the weighted cross-entropies of the heads, each by itself."""
        assert not isinstance(outputs, tuple), "made in training mode"
        return super().loss(tuple(outputs["heads"]), targets, weights, label_smoothing)

    def stages(self, phase: int, settings: PhaseConfig) -> tuple[Stage, ...]:
        """Train heads, then ensembles, in phase 3."""
        if phase != 3:
            return super().stages(phase, settings)
        ensembles = replace(settings, epochs=self.epochs, lr=self.lr)
        return (
            Stage(name="heads", settings=settings, frozen=frozenset({"ensembles"}), loss=self.heads_loss),
            Stage(name="ensembles", settings=ensembles, frozen=frozenset({"heads", "cascades"}), loss=super().loss),
        )
