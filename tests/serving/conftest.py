"""An engine over the scripted bundle whose loop can be shared by requests."""

from pathlib import Path

import pytest

import eeinfer
from eeinfer import Engine


@pytest.fixture(scope="session")
def served_engine(scripted_bundle: Path) -> Engine:
    return eeinfer.load(scripted_bundle, threads=1, backend="onnxruntime")
