import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from eeinfer.errors import ConfigError
from eeinfer.training.config import HeadConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head, MixedPool


def adaptive(pool: MixedPool, x: torch.Tensor) -> torch.Tensor:
    highest, mean = F.adaptive_max_pool2d(x, pool.size), F.adaptive_avg_pool2d(x, pool.size)
    return pool.alpha * highest + (1 - pool.alpha) * mean


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 7, 8, 14, 16])
def test_mixed_pooling_equals_torchs_adaptive_pooling(side: int) -> None:
    pool, x = MixedPool(4, side, side), torch.randn(2, 3, side, side)
    torch.testing.assert_close(pool(x), adaptive(pool, x), rtol=0, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5))
def test_mixed_pooling_fits_any_map(height: int, width: int, size: int) -> None:
    pool, x = MixedPool(size, height, width), torch.randn(2, 3, height, width)
    torch.testing.assert_close(pool(x), adaptive(pool, x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 14), (1, 1), (2, 4), (4, 4)])
def test_mixed_pooling_exports_without_adaptive_operators(height: int, width: int) -> None:
    pool, x = MixedPool(4, height, width), torch.randn(2, 3, height, width)
    exported = torch.export.export(pool, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    operators = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert not any("adaptive" in operator for operator in operators)
    other = torch.randn(5, 3, height, width)
    torch.testing.assert_close(exported.module()(other), pool(other))


def test_mixed_pooling_does_no_work_where_every_cell_is_one_pixel() -> None:
    pool, x = MixedPool(4, 4, 4), torch.randn(2, 3, 4, 4)
    assert pool(x) is x
    assert not pool.alpha.requires_grad


def test_alpha_starts_between_zero_and_one_and_learns_without_a_clamp() -> None:
    pool = MixedPool(4, 8, 8)
    assert 0 <= pool.alpha.item() <= 1
    pool(torch.randn(2, 3, 8, 8)).sum().backward()
    assert pool.alpha.grad is not None
    with torch.no_grad():
        pool.alpha.fill_(3.0)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(pool(x), adaptive(pool, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("channels", "parameters"), [(64, 102_501), (128, 204_901), (256, 409_701), (512, 819_301)])
def test_a_pooled_head_has_the_published_size(channels: int, parameters: int) -> None:
    head = Head(FeatureSpec(kind="map", shape=(channels, 8, 8)), 100, HeadConfig())
    assert sum(parameter.numel() for parameter in head.parameters()) == parameters


def test_channels_last_maps_are_turned_first() -> None:
    last = Head(FeatureSpec(kind="map", shape=(7, 5, 12), channels_last=True), 3, HeadConfig(pool=4))
    first = Head(FeatureSpec(kind="map", shape=(12, 7, 5)), 3, HeadConfig())
    first.load_state_dict(last.state_dict())
    x = torch.randn(2, 7, 5, 12)
    torch.testing.assert_close(last(x), first(x.permute(0, 3, 1, 2)))


def test_channels_last_maps_are_pooled_to_one_cell_by_default() -> None:
    head = Head(FeatureSpec(kind="map", shape=(7, 7, 12), channels_last=True), 3, HeadConfig())
    assert head.reduce.width == 12


def test_the_class_token_is_read_as_it_is() -> None:
    head = Head(FeatureSpec(kind="tokens", shape=(5, 8), class_token=True, prefix_tokens=1), 3, HeadConfig())
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(head(x), head.classify(x[:, 0]))
    assert sum(parameter.numel() for parameter in head.parameters()) == 8 * 3 + 3


def test_tokens_without_a_class_token_are_averaged_without_registers() -> None:
    head = Head(FeatureSpec(kind="tokens", shape=(6, 8), prefix_tokens=2), 3, HeadConfig())
    x = torch.randn(2, 6, 8)
    torch.testing.assert_close(head(x), head.classify(x[:, 2:].mean(1)))


def test_hidden_layers_have_gelu_between() -> None:
    head = Head(FeatureSpec(kind="tokens", shape=(5, 192), class_token=True), 10, HeadConfig(hidden=(1024,)))
    kinds = [type(layer).__name__ for layer in head.classify]
    assert kinds == ["Linear", "GELU", "Linear"]
    assert sum(parameter.numel() for parameter in head.parameters()) == 193 * 1024 + 1025 * 10


def test_a_vector_goes_straight_to_the_linear_layer() -> None:
    assert Head(FeatureSpec(kind="vector", shape=(8,)), 3, HeadConfig())(torch.randn(2, 8)).shape == (2, 3)


def test_a_pool_that_has_no_effect_is_refused() -> None:
    with pytest.raises(ConfigError, match="pool is 4, but the exits read tokens"):
        Head(FeatureSpec(kind="tokens", shape=(5, 8)), 3, HeadConfig(pool=4))
