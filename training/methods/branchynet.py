"""BranchyNet (Teerapittayanon, McDanel, Kung; ICPR 2016): small convolutional branches, judged by their entropy.

The network is trained alone first and with its branches then, which is the mixed regime. The paper's rule is
entropy < T per branch; here the score is 1 - H/ln K, so T becomes tau = 1 - T/ln K (`entropy_tau`), one per exit.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from torch import Tensor, nn

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.resnet import BasicBlock
from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import classifier
from eeinfer.training.heads.types import MapBody, check_map, map_shape
from eeinfer.training.methods.base import Method
from eeinfer.training.methods.options import own_heads

Layers: TypeAlias = tuple[nn.Module, ...]


def lenet(spec: FeatureSpec) -> Layers:
    """Build B-LeNet's branch: pool, ReLU, a convolution of twice the width, pool, ReLU."""
    channels, _, _ = check_map(spec, "branch lenet", [(2, 2, 0), (3, 1, 1), (2, 2, 0)])
    return (
        nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(channels, 2 * channels, 3, 1, 1), nn.MaxPool2d(2), nn.ReLU()
    )  # fmt: skip


def alexnet(spec: FeatureSpec, convs: int = 2) -> Layers:
    """Build B-AlexNet's first branch: ReLU, pool, normalise, `convs` convolutions of 32 channels, pool.

    The pools pad by one, which gives the original's sizes on even maps and takes any other.
    """
    channels, _, _ = map_shape(spec, "branch alexnet")
    return (nn.ReLU(), nn.MaxPool2d(3, 2, 1), _norm(), *_convs(channels, convs), nn.MaxPool2d(3, 2, 1))


def resnet(spec: FeatureSpec) -> Layers:
    """Build B-ResNet's first branch, behind the stem: a 5x5 and two 3x3 convolutions and no pooling."""
    channels, _, _ = map_shape(spec, "branch resnet")
    return (nn.Conv2d(channels, 64, 5, 1, 2), nn.ReLU(), _norm(), *_convs(64, 2))


def residual(spec: FeatureSpec) -> Layers:
    """Build B-ResNet's second branch, behind the first stage: one residual block of the map's width."""
    channels, _, _ = map_shape(spec, "branch residual")
    return (BasicBlock(channels, channels, 1),)


BRANCHES: dict[str, Callable[[FeatureSpec], Layers]] = {
    "lenet": lenet,
    "alexnet": alexnet,
    "alexnet_short": lambda spec: alexnet(spec, convs=1),
    "resnet": resnet,
    "residual": residual,
}


class BranchyNet(Method):
    """Branches of a few convolutions and one linear layer.

    Option ``branch``: a name of BRANCHES, or one per exit separated by commas. A branch reads the map as its block
    left it, where the paper taps before the ReLU: behind a ReLU, that of the branch changes nothing.
    """

    score: ClassVar[str] = "entropy"
    loss_weights: ClassVar[str] = "early"  # 1 per branch, 0.3 for the network: about 1 % better, says the paper
    options: ClassVar[frozenset[str]] = frozenset({"branch"})

    def __init__(self, specs: Sequence[FeatureSpec], num_classes: int, config: MethodConfig) -> None:
        super().__init__(specs, num_classes, config)
        own_heads(config)
        names = _branch_names(config, len(specs))
        self.heads = nn.ModuleList(
            _branch(BRANCHES[name](spec), spec, num_classes, config) for name, spec in zip(names, specs, strict=True)
        )

    def forward(self, features: Sequence[Tensor], final: Tensor) -> tuple[Tensor, ...]:
        """Return the logits [B,K] of every exit, the network's own last."""
        return (*(head(feature) for head, feature in zip(self.heads, features, strict=True)), final)


def entropy_tau(threshold: float, num_classes: int) -> float:
    """Return the tau that leaves where the entropy in nats is below `threshold`, as BranchyNet's T does.

    Raises:
        ConfigError: a negative threshold or fewer than two classes.
    """
    if threshold < 0 or num_classes < 2:
        raise ConfigError(f"entropy threshold {threshold:g} for {num_classes} classes; give T from 0 and K from 2")
    return max(0.0, 1 - threshold / math.log(num_classes))


def _norm() -> nn.LocalResponseNorm:
    return nn.LocalResponseNorm(3, alpha=5e-5, beta=0.75)


def _convs(channels: int, count: int) -> list[nn.Module]:
    widths = [channels, *[32] * count]
    return [
        layer
        for before, after in itertools.pairwise(widths)
        for layer in (nn.Conv2d(before, after, 3, 1, 1), nn.ReLU())
    ]


def _branch(layers: Layers, spec: FeatureSpec, num_classes: int, config: MethodConfig) -> nn.Module:
    body = MapBody(spec, nn.Sequential(*layers))
    return nn.Sequential(body, classifier(body.width, config.heads.hidden, num_classes))


def _branch_names(config: MethodConfig, num_exits: int) -> list[str]:
    given = config.options.get("branch", "alexnet")
    names = [name.strip() for name in str(given).split(",")]
    for name in names:
        if name not in BRANCHES:
            raise ConfigError(unknown("branch", name, BRANCHES))
    if len(names) not in (1, num_exits):
        raise ConfigError(f"branch names {given!r} do not fit {num_exits} early exits; give one, or one for each")
    return names * num_exits if len(names) == 1 else names
