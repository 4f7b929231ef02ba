import math

import pytest
import torch
from layered_network import drawn, layered

from eeinfer.errors import ConfigError
from eeinfer.training.analysis.information import choose_sigmas, information, layer_information


@pytest.mark.parametrize(("width", "sigma"), [(1, 0.5), (2, 1.0), (4, 2.0)])
def test_a_gaussian_channel_of_known_information(width: int, sigma: float) -> None:
    exact = width / 2 * math.log(1 + 1 / sigma**2)  # of unit variance through noise of sigma: Shannon's capacity
    found = [information(drawn(1500, width, seed=seed), sigma, seed=seed + 100) for seed in range(5)]
    assert sum(found) / 5 == pytest.approx(exact, rel=0.05)


def test_it_is_nothing_where_features_do_not_depend_on_the_image_and_the_logarithm_where_all_differ() -> None:
    assert information(torch.ones(200, 50), 1.0) == pytest.approx(0, abs=1e-9)
    assert information(100 * drawn(200, 50), 0.1) == pytest.approx(math.log(200))


def test_scaling_features_and_noise_together_changes_nothing() -> None:
    features = drawn(300, 3)
    assert information(1e3 * features, 1e3) == pytest.approx(information(features, 1.0))


def test_sigmas_are_those_of_the_first_network_and_information_does_not_grow_with_depth() -> None:
    x = drawn(300, 6)
    rows = layer_information(layered(), x)
    assert [row.layer for row in rows] == ["wide", "narrow", "last"]
    nats = [row.nats for row in rows]
    assert nats == sorted(nats, reverse=True)
    assert all(row.most == math.log(300) for row in rows)
    sigmas = {row.layer: row.sigma for row in rows}
    assert layer_information(layered(), x, sigmas) == rows
    assert any(row.saturated for row in layer_information(layered(), x, dict.fromkeys(sigmas, 1e-3)))
    with pytest.raises(ConfigError, match="layer narrow is not in the first network"):
        layer_information(layered(), x, {"wide": 1.0, "last": 1.0})


def test_where_no_sigma_lets_a_layer_hold_enough_the_smallest_is_taken() -> None:
    spread = drawn(100, 4)
    assert choose_sigmas({"first": torch.zeros(100, 4), "last": spread}, sigmas=(0.5, 1.0))["first"] == 0.5


def test_noise_is_about_as_large_as_images_are_apart_so_that_layers_are_not_all_saturated() -> None:
    assert 0.5 < choose_sigmas({"one": drawn(400, 30)})["one"] < 2
    assert 5 < choose_sigmas({"one": 10 * drawn(400, 30)})["one"] < 20
