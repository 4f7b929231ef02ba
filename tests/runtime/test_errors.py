"""Near misses of known names."""

from pathlib import Path

import pytest

import eeinfer
from eeinfer.errors import ConfigError, did_you_mean, meant, unknown


def test_a_near_miss_is_told_what_was_meant_and_what_is_known() -> None:
    assert unknown("backend", "onnxruntim", ["native", "onnxruntime"]) == (
        "unknown backend 'onnxruntim': did you mean 'onnxruntime'? known are native, onnxruntime"
    )
    assert unknown("backend", "abacus", ["native"], "see doctor") == (
        "unknown backend 'abacus': known are native; see doctor"
    )
    assert unknown("peer", "x", []) == "unknown peer 'x': known are none"


def test_of_many_names_the_closest_are_told() -> None:
    many = [f"network{number}" for number in range(100)]
    assert unknown("network", "netwrok7", many).startswith("unknown network 'netwrok7': closest of 100 are network7, ")
    assert unknown("network", "zzz", many) == "unknown network 'zzz': none of 100 is close to it"


def test_capitals_do_not_hide_what_was_meant() -> None:
    assert meant("ONNXRuntime", ["onnxruntime", "native"]) == ["onnxruntime"]
    assert meant("ones", ["Ones", "ONES"]) == ["Ones", "ONES"]
    assert did_you_mean("CPU", ("cpu", "cuda")) == "did you mean 'cpu'? "
    assert did_you_mean(3, ("cpu", "cuda")) == ""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"backend": "onnxruntim"}, "unknown backend 'onnxruntim': did you mean 'onnxruntime'?"),
        ({"backend": "ONNXRuntime"}, "unknown backend 'ONNXRuntime': did you mean 'onnxruntime'?"),
        ({"device": "cdua"}, "device 'cdua' is unknown; did you mean 'cuda'? give 'cpu', 'cuda', or"),
        ({"device": "CPU"}, "device 'CPU' is unknown; did you mean 'cpu'? give"),
    ],
)
def test_load_says_what_was_meant(tiny_bundle: Path, given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        eeinfer.load(tiny_bundle, **given)  # type: ignore[arg-type]  # names of arguments
    assert sentence in str(caught.value)
