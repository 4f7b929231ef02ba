"""Internal classifiers: a feature becomes a vector, the vector becomes logits."""

from torch import Tensor, nn

from eeinfer.training.config import HeadConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.reductions import MixedPool as MixedPool
from eeinfer.training.heads.reductions import reduction as reduction
from eeinfer.training.heads.types import build_body


def classifier(width: int, hidden: tuple[int, ...], num_classes: int) -> nn.Sequential:
    """Build linear layers width -> hidden... -> num_classes with GELU between (``vit_2l_head``: hidden 1024)."""
    widths = (width, *hidden)
    layers = [layer for pair in zip(widths, hidden, strict=False) for layer in (nn.Linear(*pair), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], num_classes))


class Head(nn.Module):
    """One internal classifier: what `config.type` makes of the feature, then linear layers."""

    def __init__(self, spec: FeatureSpec, num_classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.reduce = build_body(spec, config)
        self.classify = classifier(self.reduce.width, config.hidden, num_classes)

    def forward(self, feature: Tensor) -> Tensor:
        """Map the tapped feature to logits [B,K]."""
        logits: Tensor = self.classify(self.reduce(feature))
        return logits
