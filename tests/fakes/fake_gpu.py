"""A GPU that is none: the CPU computes, the host's clock is the GPU's, and its energy counter counts milliseconds."""

import sys
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import cpu_provider
import pytest

from eeinfer import backends
from eeinfer.backends.base import Backend
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.gpus import Driver, Gpu

GPU = Gpu(name="NVIDIA H100", capability=(9, 0), uuid="GPU-1")
WATTS = 50  # of the counter


def open_backend(name: str | None, bundle: Bundle, **settings: Any) -> Backend:
    if name == "tensorrt":  # native_engines fakes that
        return backends.open_backend(name, bundle, **settings)
    return cpu_provider.backend(bundle, name=name or "onnxruntime-cuda")


class NvmlError(Exception):
    pass


def library(*, counts: bool = True, clocks: bool = True) -> Any:
    """What pynvml has of it."""

    def clock(handle: str, which: int) -> int:
        if not clocks:
            raise NvmlError
        return 1000 * which

    def energy(handle: str) -> int:
        if not counts:
            raise NvmlError
        return int(1e3 * WATTS * perf_counter())

    return SimpleNamespace(
        NVMLError=NvmlError,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlSystemGetDriverVersion=lambda: "580.65.06",
        nvmlDeviceGetClockInfo=clock,
        nvmlDeviceGetMaxClockInfo=lambda handle, which: 1000 * which + 980,
        nvmlDeviceGetTotalEnergyConsumption=energy,
    )


def install(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> None:
    """Let the engine and bench find this GPU, and ``nvml`` (None: nvidia-ml-py is not installed)."""
    for module in ("eeinfer.loading", "eeinfer.bench.timing.gpu"):
        monkeypatch.setattr(f"{module}.open_backend", open_backend)
    monkeypatch.setattr("eeinfer.bench.timing.gpu.driver", lambda: Driver(cuda=(13, 0), gpus=(GPU,)))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
