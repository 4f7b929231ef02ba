"""The runtime's tests run over every loop and library: in Python, compiled where it can be built, and over OpenVINO."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import eeinfer
from eeinfer.backends.native.library import VARIABLE

LOOPS = ("onnxruntime", "native")  # what `eeinfer.load` takes by itself, without the library and with it
OPENVINO = "openvino"
OVER_ALL = {
    *("test_copies", "test_engine", "test_inputs", "test_loading", "test_loading_without_cache"),
    *("test_races", "test_steps", "test_stream"),
}
NOT_OVER_OPENVINO = {"keeps_nan", "makes_a_form", "forks"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = Path(str(metafunc.module.__file__)).stem
    if module in OVER_ALL and "python_loop" not in metafunc.fixturenames:
        more = () if NOT_OVER_OPENVINO & {*metafunc.fixturenames} else (OPENVINO,)
        metafunc.parametrize("loop", (*LOOPS, *more), indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def loop(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which loop every engine of the test runs that does not name its backend; tests elsewhere are not touched."""
    name: str = getattr(request, "param", "onnxruntime")
    with pytest.MonkeyPatch.context() as patch:
        if name == "native":
            patch.setenv(VARIABLE, str(request.getfixturevalue("native_library")))
        if name == OPENVINO:
            pytest.importorskip("openvino")
            patch.setattr("eeinfer.backends.choice.ON_CPU", ("openvino",))
        yield name


@pytest.fixture
def keeps_nan() -> None:
    """For tests whose NaN arises inside a network: OpenVINO's Min, Max and Relu make a number of it."""


@pytest.fixture
def makes_a_form() -> None:
    """For tests of how the optimised form is made: OpenVINO has none, what it compiled has tests/backends/openvino."""


@pytest.fixture
def forks() -> None:
    """For a test of settings of threads that OpenVINO has not: its own is among those of its backend."""


@pytest.fixture
def backend(loop: str) -> str:
    """What to name to `eeinfer.load` in another process: of two loops an environment variable says enough."""
    return loop if loop == OPENVINO else "None"


@pytest.fixture
def python_loop() -> None:
    """For tests that look into the loop in Python, or into its backend: they have no second run."""


@pytest.fixture(scope="module")
def tiny_engine(tiny_bundle: Path, loop: str) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.backend == loop
        yield engine


@pytest.fixture(scope="module")
def scripted_engine(scripted_bundle: Path, loop: str) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(scripted_bundle, threads=1) as engine:
        assert engine.backend == loop
        yield engine
