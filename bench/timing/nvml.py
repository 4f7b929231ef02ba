"""What NVIDIA's management library says about one GPU, where the nvidia-ml-py package is installed."""

from typing import Any

from eeinfer.machine.gpus import Gpu


class Nvml:
    """One GPU. Whatever it does not tell is None: small cards have no energy counter, containers hide clocks."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle

    @property
    def driver(self) -> str | None:
        """The driver's version, such as 580.65.06."""
        version = self._ask("nvmlSystemGetDriverVersion")
        return None if version is None else str(version)

    def clock_mhz(self, which: str) -> int | None:
        """The clock of "SM" or "MEM" now."""
        return self._number("nvmlDeviceGetClockInfo", self._handle, self._clock(which))

    def max_clock_mhz(self, which: str) -> int | None:
        """The highest clock of "SM" or "MEM"."""
        return self._number("nvmlDeviceGetMaxClockInfo", self._handle, self._clock(which))

    def energy_mj(self) -> int | None:
        """Millijoules since the driver was loaded. Counts in steps of tens of milliseconds."""
        return self._number("nvmlDeviceGetTotalEnergyConsumption", self._handle)

    def _clock(self, which: str) -> Any:
        return getattr(self._library, f"NVML_CLOCK_{which}")

    def _number(self, call: str, *arguments: Any) -> int | None:
        value = self._ask(call, *arguments)
        return None if value is None else int(value)

    def _ask(self, call: str, *arguments: Any) -> Any:
        try:
            return getattr(self._library, call)(*arguments)
        except self._library.NVMLError:
            return None


def open_nvml(gpu: Gpu) -> Nvml | None:
    """Find ``gpu``; None where the package or the library is missing or does not know it."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return Nvml(pynvml, pynvml.nvmlDeviceGetHandleByUUID(gpu.uuid))
    except pynvml.NVMLError:
        return None
