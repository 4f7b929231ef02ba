"""A bundle of its own for every test, and whether plans can be built here."""

from typing import Any

import pytest

REASON = "builds plans without a GPU: pip install 'eeinfer[tensorrt-rtx]'"


@pytest.fixture(scope="session")
def rtx() -> Any:
    """TensorRT-RTX, which needs no GPU to build; where it is not installed, the test is skipped and says so."""
    return pytest.importorskip("tensorrt_rtx", reason=REASON)
