import pytest
import torch
from layered_network import drawn, layered

from eeinfer.training.analysis.features import features_of, layers_of
from eeinfer.training.analysis.rank import layer_ranks, numerical_rank


@pytest.mark.parametrize(("rows", "width"), [(300, 40), (40, 300)])
@pytest.mark.parametrize("rank", [1, 7, 30])
def test_features_of_known_rank(rows: int, width: int, rank: int) -> None:
    features = drawn(rows, rank) @ drawn(rank, width, seed=1) + 100 * drawn(
        1, width, seed=2
    )  # the mean is no direction
    assert numerical_rank(features) == rank


def test_directions_below_a_thousandth_of_the_largest_variance_do_not_count() -> None:
    features = drawn(5000, 4)
    features -= features.mean(dim=0)
    features, _ = torch.linalg.qr(features)
    assert numerical_rank(features * torch.tensor([1.0, 0.5, 0.04, 0.02])) == 3  # variances 1, 1/4, 16e-4, 4e-4


def test_what_does_not_vary_has_no_rank() -> None:
    assert numerical_rank(torch.ones(10, 3)) == 0
    assert numerical_rank(torch.full((10, 3), torch.nan)) == 0


def test_ranks_of_the_layers_of_a_linear_network() -> None:
    found = layer_ranks(layered(), drawn(600, 6))
    assert [(layer.layer, layer.width, layer.rank) for layer in found] == [
        ("wide", 20, 6),
        ("narrow", 2, 2),
        ("last", 3, 2),
    ]
    assert found[0].share == pytest.approx(6 / 20)


def test_a_wide_layer_is_looked_at_in_the_same_columns_in_every_batch() -> None:
    x = drawn(600, 6)
    features = features_of(layered(), x, columns=5, seed=3)["wide"]
    assert features.shape == (600, 5)
    whole = features_of(layered(), x, columns=20, seed=3)["wide"]
    for column in features.T:
        assert any(torch.equal(column, each) for each in whole.T)
    assert list(layers_of(layered())) == ["wide", "narrow", "last"]
