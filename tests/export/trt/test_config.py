"""What cannot be asked of a builder is refused before it is asked."""

from typing import Any

import pytest

from eeinfer.errors import ConfigError
from eeinfer.export.trt import TrtConfig


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"targets": ("ampere",)}, "'ampere' is neither current nor a compute capability such as sm86"),
        ({"targets": ("sm8",)}, "'sm8' is neither"),
        ({"targets": ()}, "targets is empty"),
        ({"batches": ()}, "give numbers from 1 that rise"),
        ({"batches": (0, 8)}, "give numbers from 1 that rise"),
        ({"batches": (8, 8)}, "give numbers from 1 that rise"),
        ({"batches": (8, 1)}, "give numbers from 1 that rise"),
        ({"library": "trtexec"}, "choose one of tensorrt, tensorrt_rtx"),
        ({"optimization_level": 6}, "6 is not one of 0 to 5"),
        ({"auxiliary_streams": -1}, "-1 is negative"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        TrtConfig(**fields)
