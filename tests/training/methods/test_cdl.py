from pathlib import Path
from typing import Any

import pytest
import small_methods
import torch
from method_networks import features, heads
from torch.nn import functional as F

from eeinfer.errors import ConfigError
from eeinfer.training import MethodConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods import build_method
from eeinfer.training.methods.cdl import unambiguous


def on_a_map(shape: tuple[int, int, int], **options: Any) -> Any:
    torch.manual_seed(0)
    return build_method(MethodConfig(name="cdl", options=options), [FeatureSpec(kind="map", shape=shape)], 10)


def test_ambiguous_rows_score_nothing() -> None:
    logits = torch.logit(torch.tensor([[0.9, 0.4, 0.1], [0.9, 0.6, 0.1], [0.3, 0.2, 0.1], [0.7, 0.7, 0.1]]))
    torch.testing.assert_close(unambiguous(logits, 0.5), torch.tensor([0.9, 0.0, 0.3, 0.0]))
    torch.testing.assert_close(unambiguous(logits, 1.0), torch.tensor([0.9, 0.9, 0.3, 0.7]))


def test_heads_are_linear_on_the_flat_map() -> None:
    method = on_a_map((4, 6, 6))
    x, final = torch.randn(3, 4, 6, 6), torch.zeros(3, 10)
    matrix, bias = list(method.parameters())
    torch.testing.assert_close(method([x], final)["logits"][0], F.linear(x.flatten(1), matrix, bias))


@pytest.mark.parametrize(("limit", "side"), [(144, 1), (143, 2), (36, 2), (35, 3), (16, 3), (15, 4), (1, 6)])
def test_a_huge_map_is_averaged_over_the_smallest_squares_that_do(limit: int, side: int) -> None:
    method = on_a_map((4, 6, 6), max_features=limit)
    x = torch.randn(3, 4, 6, 6)
    matrix, bias = list(method.parameters())
    wanted = F.linear(F.avg_pool2d(x, side).flatten(1), matrix, bias)
    torch.testing.assert_close(method([x], torch.zeros(3, 10))["logits"][0], wanted)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_sigmoid_exits_learn_one_class_against_the_rest(smoothing: float) -> None:
    method = heads("cdl")
    taps, final = features()
    outputs, targets = method(taps, final), torch.tensor([0, 1, 2, 3])
    wanted = 2.0 * F.cross_entropy(final, targets, label_smoothing=smoothing)
    for k, logits in enumerate(outputs["logits"][:-1]):
        p = torch.sigmoid(logits)
        y = torch.eye(5)[targets] * (1 - smoothing) + smoothing / 5
        wanted = wanted - 0.5 * k * (y * p.log() + (1 - y) * (1 - p).log()).sum(1).mean()
    torch.testing.assert_close(method.loss(outputs, targets, (0.0, 0.5, 1.0, 2.0), smoothing), wanted)


def test_the_softmax_variant_is_judged_and_trained_by_softmax() -> None:
    method = heads("cdl", {"confidence": "max_softmax"})
    outputs, targets = method(*features()), torch.tensor([0, 1, 2, 3])
    for logits, score in zip(outputs["logits"], outputs["scores"], strict=True):
        torch.testing.assert_close(score, torch.softmax(logits, 1).amax(1))
    wanted = sum(F.cross_entropy(logits, targets) for logits in outputs["logits"])
    torch.testing.assert_close(method.loss(outputs, targets, (1.0,) * 4, 0.0), wanted)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="option prune_tau of method cdl is 2; give a number from 0 to 1"):
        on_a_map((4, 6, 6), prune_tau=2)
    with pytest.raises(ConfigError, match="unknown option confidence of method cdl 'entropy'"):
        on_a_map((4, 6, 6), confidence="entropy")


@pytest.mark.parametrize("confidence", ["sigmoid", "max_softmax"])
def test_bundle_agrees_with_torch(confidence: str, tmp_path: Path) -> None:
    built = small_methods.network("cdl", {"confidence": confidence, "max_features": 200, "level": 0.9})
    bundle = small_methods.check(built, tmp_path)
    assert bundle.manifest.score == "own"
