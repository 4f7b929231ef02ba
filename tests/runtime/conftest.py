"""The runtime's tests run over both loops: the one in Python, and the compiled one where it can be built."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import eeinfer
from eeinfer.backends.native.library import VARIABLE

LOOPS = ("onnxruntime", "native")  # what `eeinfer.load` takes by itself, without the library and with it
OVER_BOTH = {"test_copies", "test_engine", "test_inputs", "test_loading", "test_races", "test_steps", "test_stream"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = Path(str(metafunc.module.__file__)).stem in OVER_BOTH and "python_loop" not in metafunc.fixturenames
    if both:
        metafunc.parametrize("loop", LOOPS, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def loop(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which loop every engine of the test runs that does not name its backend."""
    name: str = getattr(request, "param", "onnxruntime")
    with pytest.MonkeyPatch.context() as patch:
        if name == "native":
            patch.setenv(VARIABLE, str(request.getfixturevalue("native_library")))
        yield name


@pytest.fixture
def python_loop() -> None:
    """For tests that look into the loop in Python, or into its backend: they have no second run."""


@pytest.fixture(scope="session")
def tiny_engine(tiny_bundle: Path, loop: str) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.backend == loop
        yield engine


@pytest.fixture(scope="session")
def scripted_engine(scripted_bundle: Path, loop: str) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(scripted_bundle, threads=1) as engine:
        assert engine.backend == loop
        yield engine
