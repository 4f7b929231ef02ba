"""Shallow-Deep Networks (Kaya, Hong, Dumitras; ICML 2019): independent heads, judged by their own confidence."""

from collections.abc import Sequence

from torch import Tensor, nn

from eeinfer.training.config import MethodConfig
from eeinfer.training.features import FeatureSpec
from eeinfer.training.heads import Head
from eeinfer.training.methods.base import Method


class SDN(Method):
    """One head per exit: mixed pooling and a linear layer on maps, the class token and linear layers on tokens."""

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)

    def forward(self, features: Sequence[Tensor], final: Tensor) -> tuple[Tensor, ...]:
        """Return the logits [B,K] of every exit, the network's own last."""
        return (*(head(feature) for head, feature in zip(self.heads, features, strict=True)), final)
