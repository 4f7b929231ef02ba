"""The GPU of this machine, as far as building for it needs to know."""

from dataclasses import dataclass
from typing import Any

from eeinfer.errors import ExportError


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """What plans depend on."""

    name: str
    capability: tuple[int, int]


def current_gpu() -> Gpu:
    """Return the first GPU that CUDA shows to this process: the one that TensorRT builds on.

    Raises:
        ExportError: there is none; the message is the reason alone.
    """
    try:
        from cuda.bindings import driver

        _ask(driver.cuInit(0))
        device = _ask(driver.cuDeviceGet(0))
        return Gpu(name=_name(driver, device), capability=_capability(driver, device))
    except ModuleNotFoundError as error:
        raise ExportError("cuda-bindings is not installed: pip install cuda-bindings") from error
    except RuntimeError as error:  # what the bindings raise where the driver's library is missing
        raise ExportError("no NVIDIA driver was found") from error


def _ask(answer: tuple[Any, ...]) -> Any:  # cuda-bindings has no types
    """Return what a call of the driver gave, without the status in front of it."""
    status, *values = answer
    if status:
        raise ExportError(f"the NVIDIA driver answers {status.name}")
    return values[0] if values else None


def _name(driver: Any, device: Any) -> str:
    return str(_ask(driver.cuDeviceGetName(256, device)).partition(b"\0")[0].decode())


def _capability(driver: Any, device: Any) -> tuple[int, int]:
    kind = driver.CUdevice_attribute
    major = kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    minor = kind.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
    return _ask(driver.cuDeviceGetAttribute(major, device)), _ask(driver.cuDeviceGetAttribute(minor, device))
