"""OpenVINO itself: the import, the devices, and the settings that segments are compiled with."""

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from eeinfer.errors import ConfigError, DependencyError, did_you_mean, first_line
from eeinfer.machine.cores import physical_cores

LIBRARY = "openvino"
CPU = "CPU"
DEVICE, STREAMS = OPTIONS = ("device", "streams")
NUM_STREAMS = "NUM_STREAMS"  # OpenVINO's name of it


_TELEMETRY = "openvino_telemetry"
_INSTALL = "pip install 'eeinfer[openvino]'"

_lock = threading.Lock()


def openvino() -> ModuleType:
    """Import OpenVINO, which then tells nobody that it was imported.

    Raises:
        DependencyError: it is not installed, or does not load.
    """
    with _lock:
        try:
            with _silenced():
                import openvino
        except Exception as error:  # its own libraries may be missing in many ways
            raise DependencyError(_why_not(error)) from error
        # The first conversion of a type makes things once, by calling Python: two threads that both come first, one
        # with Python's lock and one with theirs, wait for each other for ever.
        openvino.Type.f32.to_dtype()
    module: ModuleType = openvino
    return module


def _why_not(error: Exception) -> str:
    if _is_missing(error):
        return f"backend 'openvino' needs the openvino package: {_INSTALL}"
    return f"openvino is installed but does not load ({first_line(error)}): pip install --force-reinstall openvino"


def _is_missing(error: BaseException | None) -> bool:
    return isinstance(error, ModuleNotFoundError) and error.name == LIBRARY


@contextmanager
def _silenced() -> Iterator[None]:
    """Hide the package by which an import of OpenVINO starts a process that reports it over the network."""
    if _TELEMETRY in sys.modules:  # somebody uses it on purpose
        yield
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # an import of it fails, as where it is not installed
    try:
        yield
    finally:
        del sys.modules[_TELEMETRY]


def library() -> str:
    """Return its name and version, as the machine's records have it."""
    return f"{LIBRARY} {openvino().__version__}"


def obstacle() -> str | None:
    """Return why OpenVINO does not run here, with the command that mends it; None: it does."""
    try:
        found = openvino().Core().available_devices
    except DependencyError as error:
        return _INSTALL if _is_missing(error.__cause__) else str(error)
    except Exception as error:  # its libraries do not load, or this processor is not its own
        return f"it is installed but does not run here ({first_line(error)})"
    return None if CPU in found else "it finds no CPU that it knows"


def chosen_device(core: Any, options: Mapping[str, str]) -> str:
    """Return the device of OpenVINO that the options name: the CPU, or a GPU or NPU of Intel's.

    Raises:
        ConfigError: an unknown option, or a device that OpenVINO does not find.
    """
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        near = did_you_mean(unknown[0], OPTIONS)
        raise ConfigError(f"backend 'openvino' has no option {unknown[0]!r}; {near}it has: {', '.join(OPTIONS)}")
    device = options.get(DEVICE, CPU)
    found = list(core.available_devices)
    if device not in found:
        near = did_you_mean(device, found)
        known = ", ".join(found)
        raise ConfigError(f"OpenVINO finds no device {device!r} here; {near}option 'device' takes one of: {known}")
    return device


def settings(device: str, threads: int, options: Mapping[str, str]) -> dict[str, Any]:
    """Return what a segment is compiled with: float32 stays float32, and a run waits for nobody.

    Args:
        device: of OpenVINO.
        threads: per run of a segment, on the CPU.
        options: of the backend; ``streams`` says how many runs of one segment are computed at once, each with as
            many threads. With one, calls of several threads take turns; with more, each is handed to another thread.

    Raises:
        ConfigError: ``streams`` is no whole number from 1 on.
    """
    streams = options.get(STREAMS, "1")
    if not streams.isdecimal() or not int(streams):
        raise ConfigError(f"option {STREAMS!r} is {streams!r}; give how many runs may go on at once, 1 or more")
    chosen: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
        NUM_STREAMS: int(streams),
    }
    if device == CPU:
        # Two threads that are not pinned were at times found on one core. Where cores are left over, pinned ones of
        # several engines would all take the same.
        count = threads * int(streams)
        chosen |= {"INFERENCE_NUM_THREADS": count, "ENABLE_CPU_PINNING": 1 < count == physical_cores()}
    return chosen


def reason(error: Exception) -> str:
    """Return the line of an OpenVINO exception that says what went wrong: those before it name its own sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return said[0] if said else first_line(error)
