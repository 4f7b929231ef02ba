from typing import Any

import pytest

from eeinfer.bench import BenchConfig
from eeinfer.errors import ConfigError


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("thresholds", 1),
        ("batch", 0),
        ("rounds", 0),
        ("pairs", 0),
        ("threads", 0),
        ("max_images", 0),
        ("max_seconds", -1),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_bound(field: str, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"{field} is {value}; bench takes {field} of \d or more"):
        BenchConfig(**{field: value})


def test_an_unknown_family_of_thresholds_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="grid is 'even'; bench takes one of auto, linspace, log, patience, budget"):
        BenchConfig(grid="even")


def test_a_hundred_thresholds_are_the_default() -> None:
    assert BenchConfig().thresholds == 100


def test_a_level_is_an_option_of_the_backend() -> None:
    assert BenchConfig(device="cuda", level=2).options == {"level": "2"}
    assert BenchConfig(device="cuda").options is None


@pytest.mark.parametrize(("settings", "words"), [({}, "give --device cuda"), ({"device": "cuda"}, "one of 0, 1, 2, 3")])
def test_a_level_without_a_gpu_or_outside_its_range_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        BenchConfig(level=4, **settings)
