"""Shallow-Deep Networks (Kaya, Hong, Dumitras; ICML 2019): independent heads, judged by their own confidence."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.methods.base import Method, Outputs
from eeinfer.training.methods.options import flag


class SDN(Method):
    """One head of `HeadConfig` per exit; the paper's is mixed pooling and a linear layer.

    Option ``most_confident``: where no exit was confident enough, the last one gives the answer of whichever exit
    was the most confident of all, itself included (the paper's section 4; METHODS 3.1). Off by default: the last
    exit then answers for itself, as in most later work.
    """

    options: ClassVar[frozenset[str]] = frozenset({"most_confident"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        self.heads = nn.ModuleList(Head(spec, num_classes, config.heads) for spec in specs)
        self.most_confident = flag(config, "most_confident")

    def forward(self, features: Sequence[Tensor], final: Tensor) -> Outputs:
        """Return the logits [B,K] of every exit, the network's own last."""
        logits = (*(head(feature) for head, feature in zip(self.heads, features, strict=True)), final)
        # Training is towards what each exit says for itself.
        return (*logits[:-1], most_confident(logits)) if self.most_confident and not self.training else logits


def most_confident(logits: Sequence[Tensor]) -> Tensor:
    """Return for each row the logits [B,K] of the exit with the highest probability; of equals, the earliest."""
    best, confidence = logits[0], torch.softmax(logits[0], 1).amax(1)
    for candidate in logits[1:]:
        sure = torch.softmax(candidate, 1).amax(1)
        better = sure > confidence
        best = torch.where(better[:, None], candidate, best)
        confidence = torch.where(better, sure, confidence)
    return best
