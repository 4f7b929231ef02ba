import sys
from typing import Any

import fake_gpu
import pytest

from eeinfer.bench.timing.nvml import open_nvml


def test_the_gpu_is_found_by_its_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    library = fake_gpu.library()
    library.nvmlDeviceGetHandleByUUID = asked.append
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert open_nvml(fake_gpu.GPU) is not None
    assert asked == ["GPU-1"]


def test_clocks_and_driver_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_gpu.library())
    nvml = open_nvml(fake_gpu.GPU)
    assert nvml is not None
    assert (nvml.driver, nvml.clock_mhz("SM"), nvml.max_clock_mhz("MEM")) == ("580.65.06", 1000, 2980)
    assert nvml.energy_mj() is not None


def test_what_a_gpu_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_gpu.library(counts=False, clocks=False))
    nvml = open_nvml(fake_gpu.GPU)
    assert nvml is not None
    assert (nvml.clock_mhz("SM"), nvml.energy_mj()) == (None, None)


def test_without_package_or_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert open_nvml(fake_gpu.GPU) is None

    def missing() -> None:
        raise fake_gpu.NvmlError

    library = fake_gpu.library()
    library.nvmlInit = missing
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert open_nvml(fake_gpu.GPU) is None
