import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.analysis.landscape import LandscapeConfig, landscape, plane

X, LABELS = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)


class Quadratic(nn.Module):
    """Two classes; the cross-entropy of exit k is c_k |w - target|^2, exactly."""

    def __init__(self, *curvatures: float) -> None:
        super().__init__()
        self.curvatures = curvatures
        self.weight = nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
        self.bias = nn.Parameter(torch.tensor([1.0]))
        self.target = self.weight.detach().clone()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._exit(curvature) for curvature in self.curvatures)

    def _exit(self, curvature: float) -> Tensor:
        loss = curvature * ((self.weight - self.target) ** 2).sum() + 1e-6
        right = torch.exp(-loss)
        return torch.stack([right.log(), (1 - right).log()])[None]


@pytest.mark.parametrize("directions", ["gaussian", "uniform"])
def test_a_quadratic_loss_whose_surface_is_known(directions: str) -> None:
    model = Quadratic(0.01, 0.04)
    config = LandscapeConfig(steps=5, extent=0.5, directions=directions, seed=1)
    one, other = plane({"weight": model.target, "bias": model.bias.detach()}, config)
    found = landscape(model, X, LABELS, config)
    assert found.coordinates == (-0.5, -0.25, 0, 0.25, 0.5)
    lengths = float(one["weight"].square().sum()), float(other["weight"].square().sum())
    for k, curvature in enumerate(model.curvatures):
        for i, a in enumerate(found.coordinates):
            for j, b in enumerate(found.coordinates):
                exact = curvature * (a**2 * lengths[0] + b**2 * lengths[1])  # no mixed term: they are orthogonal
                assert found.exits[k][i][j] == pytest.approx(exact, abs=2e-4)
    assert found.total[0][0] == pytest.approx((found.exits[0][0][0] + found.exits[1][0][0]) / 2)
    assert torch.equal(model.weight, model.target)


def test_filters_of_a_direction_are_as_long_as_those_of_the_weights() -> None:
    weights = {"conv": torch.randn(4, 3, 2, 2), "bias": torch.randn(4), "dead": torch.zeros(2, 3)}
    one, other = plane(weights, LandscapeConfig())
    torch.testing.assert_close(one["conv"].flatten(1).norm(dim=1), weights["conv"].flatten(1).norm(dim=1))
    assert float((one["conv"] * other["conv"]).sum()) == pytest.approx(0, abs=1e-3)
    assert not one["bias"].any()
    assert not one["dead"].any()
    moved, _ = plane(weights, LandscapeConfig(vectors=True))
    torch.testing.assert_close(moved["bias"].abs(), weights["bias"].abs())


def test_weights_are_put_back_when_the_model_fails_half_way() -> None:
    model = Quadratic(1.0)
    calls = 0

    def forward(x: Tensor) -> tuple[Tensor, ...]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("half-way")
        return Quadratic.forward(model, x)

    patched: Callable[[Tensor], tuple[Tensor, ...]] = forward
    model.forward = patched  # type: ignore[method-assign]  # to fail at the third point
    with pytest.raises(RuntimeError, match="half-way"):
        landscape(model, X, LABELS, LandscapeConfig(steps=3))
    assert torch.equal(model.weight, model.target)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"steps": 4}, "odd number from 3"),
        ({"steps": 1}, "odd number from 3"),
        ({"extent": 0.0}, "above 0"),
        ({"extent": math.inf}, "above 0"),
        ({"directions": "cauchy"}, "gaussian or uniform"),
    ],
)
def test_senseless_planes_are_refused(setting: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LandscapeConfig(**setting)  # type: ignore[arg-type]  # what is wrong is the value
