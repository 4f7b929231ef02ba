"""The ONNX Runtime providers that run on an NVIDIA GPU, and what each has to be told.

All segments of a bundle share one stream, so that what one puts into it is done when the next begins.
"""

import ctypes
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from eeinfer.backends.buckets import Buckets
from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import ConfigError, first_line
from eeinfer.machine.installed import PLUGIN, tensorrt_library

BUCKETS = Buckets((1, 2, 4, 8, 16, 32, 64))

Attach: TypeAlias = Callable[[Any, Sequence[TensorSpec]], list[Any]]

_TENSORRT_LIBRARIES = (
    "libnvinfer",
    "libnvinfer_plugin",
    "libnvonnxparser",
)  # in the order in which they need each other


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Where and with what ONNX Runtime runs a graph.

    ``attach`` takes the options of a session and the tensors that its graph reads, adds what belongs into the options
    and returns the session's ``providers``.
    """

    names: tuple[str, ...]  # as ONNX Runtime calls them: the wanted one, then others that may take single nodes
    device: str  # where its buffers lie, as ONNX Runtime calls it: "cuda" or "cpu"
    index: int = 0
    attach: Attach

    def wrap(self, array: NDArray[Any], *, on_host: bool = False) -> Any:
        """Return an OrtValue with the contents of ``array``; on the host it is the array's own memory."""
        place = ("cpu", 0) if on_host else (self.device, self.index)
        return onnxruntime().OrtValue.ortvalue_from_numpy(array, *place)


def cuda_provider(index: int, stream: int, *, graphs: bool) -> Provider:
    """cuDNN, cuBLAS and ONNX Runtime's own kernels. Float32 may be computed as TF32, as everywhere on NVIDIA GPUs."""
    settings = _cuda_settings(index, stream, graphs=graphs)
    name = "CUDAExecutionProvider"
    return Provider(names=(name,), device="cuda", index=index, attach=lambda _options, _inputs: [(name, settings)])


def _cuda_settings(index: int, stream: int, *, graphs: bool = False) -> dict[str, str]:
    return {
        "device_id": str(index),
        "user_compute_stream": str(stream),
        "enable_cuda_graph": str(int(graphs)),
    }


def tensorrt_provider(index: int, stream: int, *, graphs: bool, cache: Path | None) -> Provider:
    """TensorRT inside onnxruntime-gpu; the CUDA provider takes what TensorRT cannot.

    Engines are built when a segment is opened for the first time and kept in ``cache``, a folder of this very GPU,
    TensorRT and bundle; None builds them every time.
    """
    name, beside = "TensorrtExecutionProvider", "CUDAExecutionProvider"
    settings = {
        "device_id": str(index),
        "user_compute_stream": str(stream),
        "trt_cuda_graph_enable": str(int(graphs)),
        "trt_context_memory_sharing_enable": "1",
    }
    if cache is not None:
        settings |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(cache),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(cache),
        }

    def attach(_options: Any, inputs: Sequence[TensorSpec]) -> list[Any]:
        own = settings | profile_shapes("trt", inputs)
        return [(name, own), (beside, _cuda_settings(index, stream))]

    return Provider(names=(name, beside), device="cuda", index=index, attach=attach)


def load_tensorrt(major: int) -> None:
    """Bring the libraries of the TensorRT wheel into the process, where no search path leads to them.

    Raises:
        ConfigError: they do not load.
    """
    library = tensorrt_library(major)
    if library is None:  # then it was found on a search path
        return
    try:
        for name in _TENSORRT_LIBRARIES:
            ctypes.CDLL(str(library.with_name(f"lib{name}.so.{major}")), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise ConfigError(f"TensorRT {major} is installed but does not load ({error}); see: eeinfer doctor") from error


def tensorrt_rtx_provider(index: int, stream: int, *, cache: Path | None) -> Provider:
    """TensorRT-RTX as a plugin, beside any onnxruntime that takes plugins.

    Raises:
        ConfigError: the plugin does not load, or finds no GPU that it takes.
    """
    ort, name = onnxruntime(), register_plugin()
    devices = [device for device in ort.get_ep_devices() if device.ep_name == name]
    if index >= len(devices):
        raise ConfigError(f"{PLUGIN} finds {len(devices)} GPUs that it takes, not cuda:{index}; see: eeinfer doctor")
    settings = {"has_user_compute_stream": "1", "user_compute_stream": str(stream)}
    if cache is not None:
        settings["nv_runtime_cache_path"] = str(cache)

    def attach(options: Any, inputs: Sequence[TensorSpec]) -> list[Any]:
        options.add_provider_for_devices([devices[index]], settings | profile_shapes("nv", inputs))
        return []

    return Provider(names=(name,), device="cuda", index=index, attach=attach)


def register_plugin() -> str:
    """Make the TensorRT-RTX plugin known to ONNX Runtime, once per process, and return its provider's name.

    Raises:
        ConfigError: it does not load.
    """
    try:
        plugin = importlib.import_module(PLUGIN.replace("-", "_"))
        name: str = plugin.get_ep_name()
        onnxruntime().register_execution_provider_library(name, plugin.get_library_path())
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        if "already registered" not in str(error):
            raise ConfigError(f"{PLUGIN} does not load: {first_line(error)}; see: eeinfer doctor") from error
    return name


def profile_shapes(prefix: str, inputs: Sequence[TensorSpec]) -> dict[str, str]:
    """Return the shapes that an engine must take: one row up to the largest bucket, and one row best."""
    return {
        f"{prefix}_profile_{which}_shapes": ",".join(
            f"{spec.name}:{'x'.join(map(str, (rows, *spec.shape)))}" for spec in inputs
        )
        for which, rows in (("min", 1), ("opt", 1), ("max", BUCKETS.largest))
    }
