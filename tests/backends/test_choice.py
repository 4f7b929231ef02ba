"""Which backend a device gets, and what is said of those that were passed over."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cpu_provider
import pytest

import eeinfer
from eeinfer import backends
from eeinfer.backends.choice import candidates
from eeinfer.errors import ConfigError
from eeinfer.machine.gpus import Driver, Gpu
from eeinfer.machine.installed import Facts, Runtime

GPU = Driver(cuda=(13, 0), gpus=(Gpu(name="RTX 4090", capability=(8, 9)), Gpu(name="RTX 4090", capability=(8, 9))))
GOOD = Facts(
    driver=GPU,
    versions={
        "onnxruntime-gpu": "1.31.1",
        "cuda-bindings": "13.5.0",
        "tensorrt-cu13": "10.16.1",
        "onnxruntime-ep-nv-tensorrt-rtx-cu13": "0.5.0",
    },
    runtime=Runtime(
        version="1.31.1", cuda=13, tensorrt=10, providers=("TensorrtExecutionProvider", "CUDAExecutionProvider")
    ),
)
Open = Callable[..., Any]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Backends that run on the CPU instead; name -> what goes wrong when it is opened, if anything does."""
    failures: dict[str, str] = {}

    def maker(name: str) -> Open:
        def make(bundle: Any, **settings: Any) -> Any:
            if name in failures:
                raise ConfigError(failures[name])
            backend = cpu_provider.backend(bundle.path)
            backend.name, backend.device = name, settings["device"]
            return backend

        return make

    monkeypatch.setattr(backends, "collect", lambda: GOOD)
    monkeypatch.setattr(backends, "_maker", maker)
    return failures


def test_candidates_are_in_order_of_merit() -> None:
    assert candidates(None, "cpu") == ("native", "onnxruntime")
    assert candidates("onnxruntime", "cpu") == ("onnxruntime",)
    assert candidates(None, "cuda:1") == (
        "tensorrt",
        "onnxruntime-tensorrt-rtx",
        "onnxruntime-tensorrt",
        "onnxruntime-cuda",
    )
    assert candidates("onnxruntime", "cuda") == candidates(None, "cuda")[1:]
    assert candidates("onnxruntime-cuda", "cuda") == ("onnxruntime-cuda",)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:1"])
@pytest.mark.usefixtures("opened")
def test_the_best_onnxruntime_provider_is_taken(tiny_bundle: Path, device: str) -> None:
    with eeinfer.load(tiny_bundle, device=device, backend="onnxruntime") as engine:
        assert (engine.backend, engine.device) == ("onnxruntime-tensorrt-rtx", device)


def test_the_next_one_is_taken_where_the_best_does_not_open(tiny_bundle: Path, opened: dict[str, str]) -> None:
    opened["onnxruntime-tensorrt-rtx"] = "it does not load"
    with eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime") as engine:
        assert engine.backend == "onnxruntime-tensorrt"


@pytest.mark.usefixtures("opened")
def test_a_provider_can_be_named(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-cuda") as engine:
        assert engine.backend == "onnxruntime-cuda"


def test_every_reason_is_told_where_none_opens(tiny_bundle: Path, opened: dict[str, str]) -> None:
    for name in backends.BACKENDS:
        opened[name] = f"reason of {name}"
    with pytest.raises(ConfigError, match="device 'cuda' cannot be used: ") as caught:
        eeinfer.load(tiny_bundle, device="cuda")
    for name in candidates("onnxruntime", "cuda"):
        assert f"{name}: reason of {name}" in str(caught.value)


def test_the_reason_of_a_named_one_is_told_as_it_is(tiny_bundle: Path, opened: dict[str, str]) -> None:
    opened["onnxruntime-cuda"] = "just this"
    with pytest.raises(ConfigError, match=r"^just this$"):
        eeinfer.load(tiny_bundle, device="cuda", backend="onnxruntime-cuda")


@pytest.mark.usefixtures("opened")
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="there is no GPU cuda:2: give one of cuda:0 RTX 4090, cuda:1 RTX 4090"):
        eeinfer.load(tiny_bundle, device="cuda:2")
