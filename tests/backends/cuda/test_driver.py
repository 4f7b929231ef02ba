"""NVIDIA's bindings, as far as they can be asked without a GPU: every call has the arguments that they take."""

import ctypes
import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from eeinfer.backends.cuda import CudaError, driver, open_cuda
from eeinfer.backends.cuda.calls import bindings
from eeinfer.errors import ConfigError, DependencyError


def gpu() -> bool:
    try:
        return driver.device_count() > 0
    except (CudaError, DependencyError):
        return False


@pytest.fixture
def device() -> driver.CudaDevice:
    """A device made without asking for one, whose calls all fail, but not before their arguments were taken."""
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    if gpu():
        pytest.skip("with a GPU these calls do something: test_gpu_native.py runs them")
    made = object.__new__(driver.CudaDevice)
    made._rt, made._driver = bindings()
    made._index, made._thread_local = 0, runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    return made


CALLS: dict[str, Callable[[driver.CudaDevice], object]] = {
    "cudaSetDevice": lambda d: d.enter(),
    "cudaMalloc": lambda d: d.malloc(4),
    "cudaFree": lambda d: d.free(4096),
    "cudaHostAlloc": lambda d: d.pinned(4),
    "cudaFreeHost": lambda d: d.free_pinned(np.zeros(4, np.uint8)),
    "cudaStreamCreateWithFlags": lambda d: d.stream(),
    "cudaStreamDestroy": lambda d: d.destroy_stream(_stream(d)),
    "cudaStreamSynchronize": lambda d: d.synchronize(_stream(d)),
    "cudaEventCreateWithFlags": lambda d: d.event(timed=True),
    "cudaEventDestroy": lambda d: d.destroy_event(_event(d)),
    "cudaEventRecord": lambda d: d.record(_event(d), _stream(d)),
    "cudaEventSynchronize": lambda d: d.wait(_event(d)),
    "cudaEventElapsedTime": lambda d: d.elapsed_ms(_event(d), _event(d)),
    "cudaMemcpyAsync": lambda d: d.to_device(4096, np.zeros(4, np.uint8), _stream(d)),
    "cudaMemcpyAsync ": lambda d: d.to_host(np.zeros(4, np.uint8), 4096, _stream(d)),
    "cudaStreamBeginCapture": lambda d: d.begin_capture(_stream(d)),
    "cudaStreamBeginCaptureToGraph": lambda d: d.begin_branch(_stream(d), _graph(d)),
    "cudaStreamEndCapture": lambda d: d.end_capture(_stream(d)),
    "cudaStreamGetCaptureInfo": lambda d: d.condition(_stream(d)),
    "cudaGraphDestroy": lambda d: d.destroy_graph(_graph(d)),
    "cudaGraphLaunch": lambda d: d.launch(d._rt.cudaGraphExec_t(1), _stream(d)),
    "cudaGraphExecDestroy": lambda d: d.destroy_executable(d._rt.cudaGraphExec_t(1)),
}


def _stream(device: driver.CudaDevice) -> object:
    return device._rt.cudaStream_t(1)


def _event(device: driver.CudaDevice) -> object:
    return device._rt.cudaEvent_t(1)


def _graph(device: driver.CudaDevice) -> object:
    return device._rt.cudaGraph_t(1)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_fails_names_itself_and_the_error(device: driver.CudaDevice, name: str) -> None:
    with pytest.raises(CudaError, match=rf"^{name.strip()}(_v\d)? failed: cudaError[A-Z]\w+$"):
        CALLS[name](device)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda d: d.condition(_stream(d)), "cudaGraphConditionalHandleCreate"),
        (lambda d: d.branch(_stream(d), d._rt.cudaGraphConditionalHandle()), "cudaGraphAddNode"),
    ],
)
def test_what_is_added_to_a_capture_takes_its_arguments(
    device: driver.CudaDevice, monkeypatch: pytest.MonkeyPatch, call: Callable[[driver.CudaDevice], object], name: str
) -> None:
    before = [device._rt.cudaGraphNode_t(1)]
    monkeypatch.setattr(driver.CudaDevice, "_written", lambda *_: (_graph(device), before))
    with pytest.raises(CudaError, match=rf"^{name}(_v\d)? failed"):
        call(device)


def test_kernel_arguments_are_of_types_that_the_bindings_know(device: driver.CudaDevice) -> None:
    types = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong, ctypes.c_ulonglong
    device._driver._HelperKernelParams(((4096, 1, 2, 3), types))


@pytest.mark.parametrize("device", ["cpu", "cuda:", "cuda:x", "gpu", "cuda:-1"])
def test_other_words_are_no_devices(device: str) -> None:
    with pytest.raises(ConfigError, match=rf"device '{device}' is .*give .*'cuda', or 'cuda:1' for the second"):
        open_cuda(device)


def test_a_machine_without_a_gpu_gets_one_helpful_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise CudaError("cudaGetDeviceCount failed: cudaErrorInsufficientDriver")

    monkeypatch.setattr("eeinfer.backends.cuda.device_count", none)
    with pytest.raises(ConfigError, match=r"^device 'cuda' needs an NVIDIA GPU.*InsufficientDriver.*nvidia-smi$"):
        open_cuda("cuda")
    monkeypatch.setattr("eeinfer.backends.cuda.device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"device 'cuda:1' is not there: 1 GPU"):
        open_cuda("cuda:1")


def test_missing_or_old_bindings_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("cuda.bindings")
    old.__version__, old.driver, old.runtime = "12.8.1", None, None
    monkeypatch.setitem(sys.modules, "cuda.bindings", old)
    with pytest.raises(DependencyError, match=r"12\.8\.1 is too old: pip install 'cuda-bindings>=12\.9'$"):
        open_cuda("cuda")
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(DependencyError, match=r"needs the cuda-bindings package: pip install 'eeinfer\[cuda\]'$"):
        open_cuda("cuda")
