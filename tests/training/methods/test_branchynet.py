import math
from pathlib import Path
from typing import Any

import pytest
import small_methods
import torch
from torch import nn
from torch.nn import functional as F

from eeinfer.errors import ConfigError
from eeinfer.export.graph.scores import entropy
from eeinfer.training import HeadConfig
from eeinfer.training.config import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods import build_method, resolve_weights
from eeinfer.training.methods.branchynet import entropy_tau


def branches(names: str, shape: tuple[int, int, int], count: int = 1) -> Any:
    torch.manual_seed(0)
    spec = FeatureSpec(kind="map", shape=shape, place="exit 0 behind 'conv1'")
    return build_method(MethodConfig(name="branchynet", options={"branch": names}), [spec] * count, 10).eval()


def weights(method: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(layer.weight, layer.bias) for layer in method.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]


def local_norm(x: torch.Tensor) -> torch.Tensor:
    """Over three channels, by the formula: x / (1 + alpha * mean of squares) ** beta."""
    squares = F.pad(x**2, (0, 0, 0, 0, 1, 1))
    return x / (1 + 5e-5 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]) / 3) ** 0.75


@pytest.mark.parametrize(("name", "shape", "features"), [("lenet", (5, 16, 16), 160), ("alexnet", (64, 16, 16), 512)])
def test_a_branch_has_the_papers_layers_and_width(name: str, shape: tuple[int, int, int], features: int) -> None:
    method = branches(name, shape)
    x, final = torch.randn(2, *shape), torch.zeros(2, 10)
    *convs, (matrix, bias) = weights(method)
    assert matrix.shape == (10, features)
    if name == "lenet":
        y = F.conv2d(F.max_pool2d(x, 2).relu(), *convs[0], padding=1)
        y = F.max_pool2d(y, 2).relu()
    else:
        y = local_norm(F.max_pool2d(x.relu(), 3, 2, 1))
        for conv in convs:
            y = F.conv2d(y, *conv, padding=1).relu()
        y = F.max_pool2d(y, 3, 2, 1)
    torch.testing.assert_close(method([x], final)[0], F.linear(y.flatten(1), matrix, bias))


@pytest.mark.parametrize(
    ("name", "shape", "features"),
    [
        ("lenet", (5, 32, 32), 640),
        ("alexnet_short", (96, 8, 8), 128),
        ("resnet", (16, 30, 30), 28800),
        ("residual", (16, 30, 30), 14400),
    ],
)
def test_linear_layers_have_the_published_sizes(name: str, shape: tuple[int, int, int], features: int) -> None:
    assert weights(branches(name, shape))[-1][0].shape == (10, features)


def test_each_exit_can_have_its_own_branch() -> None:
    method = branches("lenet, residual", (4, 8, 8), count=2)
    assert [len(weights(head)) for head in method.heads] == [2, 3]
    with pytest.raises(ConfigError, match="'lenet,lenet' do not fit 3 early exits; give one, or one for each"):
        branches("lenet,lenet", (4, 8, 8), count=3)


@pytest.mark.parametrize(
    ("config", "shape", "message"),
    [
        (
            MethodConfig(name="branchynet", options={"branch": "vgg"}),
            (4, 8, 8),
            "unknown branch 'vgg': known are lenet",
        ),
        (
            MethodConfig(name="branchynet", options={"branch": "lenet"}),
            (4, 3, 9),
            "exit 0: branch lenet needs a map of at least 4 x 4 and finds 3 x 9",
        ),
        (
            MethodConfig(name="branchynet", heads=HeadConfig(pool=2)),
            (4, 8, 8),
            "method branchynet builds its own heads",
        ),
    ],
)
def test_what_does_not_fit_is_refused(config: MethodConfig, shape: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_method(config, [FeatureSpec(kind="map", shape=shape, place="exit 0")], 10)


def test_early_branches_weigh_one_and_the_network_less() -> None:
    method = branches("residual", (4, 8, 8))
    assert resolve_weights(method.loss_weights, 4) == (1.0, 1.0, 1.0, 0.3)
    outputs, targets = [torch.randn(6, 10), torch.randn(6, 10)], torch.arange(6)
    wanted = F.cross_entropy(outputs[0], targets) + 0.3 * F.cross_entropy(outputs[1], targets)
    torch.testing.assert_close(method.loss(tuple(outputs), targets, resolve_weights("early", 2), 0.0), wanted)


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.5, 1.3, 5.0])
def test_the_threshold_on_entropy_becomes_one_on_the_score(threshold: float) -> None:
    logits = 3 * torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    p = torch.softmax(logits.double(), 1)
    below = -(p * p.log()).sum(1) < threshold
    assert torch.equal(entropy(logits) > entropy_tau(threshold, 5), below)
    with pytest.raises(ConfigError, match="entropy threshold -1 for 5 classes"):
        entropy_tau(-1, 5)


@pytest.mark.parametrize("worst", [-1e4, -1e30, -math.inf])
def test_a_class_of_no_probability_adds_nothing_to_the_entropy(worst: float) -> None:
    sure, torn = entropy(torch.tensor([[5.0, worst, worst], [2.0, 2.0, worst]]))
    assert float(sure) == 1.0
    assert float(torn) == pytest.approx(1 - math.log(2) / math.log(3))


def test_bundle_agrees_with_torch(tmp_path: Path) -> None:
    built = small_methods.network("branchynet", {"branch": "alexnet,residual"})
    assert built.score == "entropy"
    bundle = small_methods.check(built, tmp_path)
    assert bundle.manifest.flops.uncounted == {}
