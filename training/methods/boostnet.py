"""Boosted dynamic networks (Yu et al., AAAI 2023, section 3.2): each exit corrects the sum of those before it."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.methods.base import Method
from eeinfer.training.methods.options import number


class BoostNet(Method):
    """Additive logits: exit s answers ``F_s = o_s + r_s * F_(s-1)``, where the earlier sum carries no gradient.

    Options:
        reweight: r of the second exit, and of all where `reweight_last` is absent; 0.5, as the released scripts have.
        reweight_last: r of the last exit; those between lie on a line.

    The same coefficient serves exit s in training and in use (the released code takes its neighbour's in training,
    which shows where they differ). Train it jointly, with ``gradient_rescaling`` as the paper does on MSDNet.
    """

    loss_weights: ClassVar[str] = "sum"
    options: ClassVar[frozenset[str]] = frozenset({"reweight", "reweight_last"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)
        first = number(config, "reweight", 0.5, 0, 10)
        self.coefficients = on_a_line(first, number(config, "reweight_last", first, 0, 10), len(specs))

    def forward(self, features: Sequence[Tensor], final: Tensor) -> tuple[Tensor, ...]:
        """Return the summed logits [B,K] of every exit, the network's own classifier being part of the last."""
        first, *later = (*(head(feature) for head, feature in zip(self.heads, features, strict=True)), final)
        sums = [first]
        for coefficient, own in zip(self.coefficients, later, strict=True):
            sums.append(own + coefficient * sums[-1].detach())
        return tuple(sums)


def on_a_line(first: float, last: float, count: int) -> tuple[float, ...]:
    """Return `count` evenly spaced numbers from `first` to `last`; a single one is `first`."""
    return tuple(first + (last - first) * i / max(count - 1, 1) for i in range(count))
