import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eeinfer.backends.ort_gpu import providers
from eeinfer.backends.ort_gpu.providers import cuda_provider, tensorrt_provider, tensorrt_rtx_provider
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import ConfigError

INPUTS = (
    TensorSpec(name="image", dtype="float32", shape=(3, 8, 8)),
    TensorSpec(name="count", dtype="int64", shape=()),
)


def test_the_cuda_provider_gets_gpu_stream_and_nothing_else_beside_it() -> None:
    provider = cuda_provider(1, 4711, graphs=True)
    [(name, settings)] = provider.attach(None, INPUTS)
    assert name == "CUDAExecutionProvider"
    assert settings == {"device_id": "1", "user_compute_stream": "4711", "enable_cuda_graph": "1"}
    assert (provider.device, provider.index) == ("cuda", 1)


def test_the_tensorrt_provider_gets_profiles_and_a_cache(tmp_path: Path) -> None:
    provider = tensorrt_provider(0, 7, graphs=False, cache=tmp_path)
    (name, settings), (beside, others) = provider.attach(None, INPUTS)
    assert (name, beside) == provider.names == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert settings["trt_profile_min_shapes"] == settings["trt_profile_opt_shapes"] == "image:1x3x8x8,count:1"
    assert settings["trt_profile_max_shapes"] == "image:64x3x8x8,count:64"
    assert settings["trt_engine_cache_path"] == settings["trt_timing_cache_path"] == str(tmp_path)
    assert settings["trt_cuda_graph_enable"] == "0"
    assert settings["user_compute_stream"] == others["user_compute_stream"] == "7"


def test_without_a_cache_engines_are_not_kept() -> None:
    (_, settings), _ = tensorrt_provider(0, 7, graphs=False, cache=None).attach(None, INPUTS)
    assert not [name for name in settings if "cache" in name]


class Runtime:
    """What onnxruntime does with plugins."""

    def __init__(self, gpus: int, failure: str | None = None) -> None:
        self._gpus, self._failure = gpus, failure
        self.registered: list[tuple[str, str]] = []

    def register_execution_provider_library(self, name: str, path: str) -> None:
        if self._failure:
            raise RuntimeError(self._failure)
        self.registered.append((name, path))

    def get_ep_devices(self) -> list[Any]:
        names = ["CPUExecutionProvider", *["Rtx"] * self._gpus]
        return [SimpleNamespace(ep_name=name, number=number) for number, name in enumerate(names)]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(get_ep_name=lambda: "Rtx", get_library_path=lambda: "/somewhere/plugin.so")
    monkeypatch.setattr(providers.importlib, "import_module", lambda name: module)


@pytest.mark.usefixtures("plugin")
def test_the_plugin_is_registered_and_gets_its_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(gpus=2)
    monkeypatch.setattr(providers, "onnxruntime", lambda: runtime)
    provider = tensorrt_rtx_provider(1, 99, cache=tmp_path)
    added: list[tuple[list[Any], dict[str, str]]] = []
    options = SimpleNamespace(add_provider_for_devices=lambda devices, settings: added.append((devices, settings)))
    assert provider.attach(options, INPUTS) == []
    [([device], settings)] = added
    assert runtime.registered == [("Rtx", "/somewhere/plugin.so")]
    assert device.number == 2
    assert (settings["has_user_compute_stream"], settings["user_compute_stream"]) == ("1", "99")
    assert settings["nv_runtime_cache_path"] == str(tmp_path)
    assert settings["nv_profile_max_shapes"] == "image:64x3x8x8,count:64"


@pytest.mark.usefixtures("plugin")
def test_a_plugin_that_is_registered_already_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "onnxruntime", lambda: Runtime(1, "library Rtx is already registered"))
    assert tensorrt_rtx_provider(0, 99, cache=None).names == ("Rtx",)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        (Runtime(1, "libcuda.so.1: no such file\nmore"), r"does not load: libcuda\.so\.1: no such file; see"),
        (Runtime(0), "finds 0 GPUs that it takes, not cuda:0"),
    ],
)
def test_a_plugin_that_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch, runtime: Runtime, message: str) -> None:
    monkeypatch.setattr(providers, "onnxruntime", lambda: runtime)
    with pytest.raises(ConfigError, match=message):
        tensorrt_rtx_provider(0, 99, cache=None)


def test_a_plugin_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime_ep_nv_tensorrt_rtx", None)
    with pytest.raises(ConfigError, match="onnxruntime-ep-nv-tensorrt-rtx does not load: import of"):
        providers.register_plugin()


def test_tensorrt_that_does_not_load_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "libnvinfer.so.10"
    library.write_bytes(b"not a library")
    monkeypatch.setattr(providers, "tensorrt_library", lambda major: library)
    with pytest.raises(ConfigError, match="TensorRT 10 is installed but does not load"):
        providers.load_tensorrt(10)
