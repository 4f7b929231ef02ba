"""What of this machine decides where bundles can run, as one record: whatever is concluded from it is pure logic."""

import contextlib
import ctypes
import importlib
import importlib.util
import io
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from eeinfer.errors import first_line
from eeinfer.machine.extras import RUNTIME_WHEELS
from eeinfer.machine.gpus import Driver, driver
from eeinfer.machine.telemetry import silenced
from eeinfer.machine.versions import versions_of

PLUGIN = "onnxruntime-ep-nv-tensorrt-rtx"
TENSORRT = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13")
TENSORRT_RTX = ("tensorrt-rtx", "tensorrt-rtx-cu12", "tensorrt-rtx-cu13")
BINDINGS = "cuda-bindings"
_DISTRIBUTIONS = (*RUNTIME_WHEELS, BINDINGS, f"{PLUGIN}-cu12", f"{PLUGIN}-cu13", *TENSORRT, *TENSORRT_RTX)
# What ONNX Runtime's CUDA provider loads, by the CUDA it was built for; cuDNN where a convolution comes.
_LIBRARIES = {
    12: ("cudart.so.12", "cublasLt.so.12", "cublas.so.12", "curand.so.10", "cufft.so.11", "cudnn.so.9"),
    13: ("cudart.so.13", "cublasLt.so.13", "cublas.so.13", "curand.so.10", "cudnn.so.9"),
}
_PROVIDER = "libonnxruntime_providers_tensorrt.so"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The onnxruntime package that an import finds."""

    version: str
    cuda: int | None = None  # major version that its GPU providers were built for; None: built without
    providers: tuple[str, ...] = ()  # compiled in, whether they work or not
    tensorrt: int | None = None  # major version that its TensorRT provider is linked to
    missing: tuple[str, ...] = ()  # shared libraries that these need and that are not found


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found."""

    driver: Driver = field(default_factory=Driver)
    versions: Mapping[str, str] = field(default_factory=dict)  # of the packages that matter and are installed
    runtime: Runtime | None = None  # None: not installed, or see runtime_problem
    runtime_problem: str | None = None


def collect() -> Facts:
    """Look at this machine. Loads the CUDA libraries that wheels brought, where ONNX Runtime will want them."""
    runtime, problem = _runtime()
    return Facts(driver=driver(), versions=versions_of(_DISTRIBUTIONS), runtime=runtime, runtime_problem=problem)


def _runtime() -> tuple[Runtime | None, str | None]:
    try:
        with silenced():
            module = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        return None, None if error.name == "onnxruntime" else str(error)
    except Exception as error:  # a native library that does not load raises anything
        return None, first_line(error)
    if not hasattr(module, "get_available_providers"):  # what uninstalling one of two rival wheels leaves behind
        return None, "the package is there without its contents"
    cuda = _major(getattr(module, "cuda_version", None))
    if cuda is not None:
        _preload(module)
    linked = _linked_tensorrt(module)
    return Runtime(
        version=module.__version__,
        cuda=cuda,
        providers=tuple(module.get_available_providers()),
        tensorrt=linked,
        missing=tuple(_missing(cuda, linked)),
    ), None


def _major(text: str | None) -> int | None:
    number = (text or "").partition(".")[0]
    return int(number) if number.isdecimal() else None


def _preload(module: ModuleType) -> None:
    """Bring the libraries of the nvidia wheels into the process; ONNX Runtime prints what it does not find."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
        module.preload_dlls()


def _linked_tensorrt(module: ModuleType) -> int | None:
    """Read from the provider's file which TensorRT it wants: no version of the package says so."""
    path = Path(module.__file__ or "").parent / "capi" / _PROVIDER
    found = re.search(rb"libnvinfer\.so\.(\d+)", path.read_bytes()) if path.is_file() else None
    return int(found[1]) if found else None


def _missing(cuda: int | None, tensorrt: int | None) -> Iterator[str]:
    if sys.platform != "linux" or cuda is None:
        return
    names = [f"lib{name}" for name in _LIBRARIES.get(cuda, ())]
    yield from (name for name in names if not _loads(name))
    if tensorrt is not None and tensorrt_library(tensorrt) is None and not _loads(f"libnvinfer.so.{tensorrt}"):
        yield f"libnvinfer.so.{tensorrt}"


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def tensorrt_library(major: int) -> Path | None:
    """Return where the TensorRT wheel keeps ``libnvinfer`` of this version; None where it is not installed."""
    spec = importlib.util.find_spec("tensorrt_libs")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    return next((path for folder in folders if (path := folder / f"libnvinfer.so.{major}").is_file()), None)
