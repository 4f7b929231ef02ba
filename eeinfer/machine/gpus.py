"""The NVIDIA GPUs of this machine, as the driver describes them. Asked through the driver's own library, because
nothing else need be installed yet, and containers often have that library and no other tool.
"""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
_NAME_BYTES, _UUID_BYTES = 256, 16


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, in the driver's order."""

    name: str
    capability: tuple[int, int]
    uuid: str = ""  # what other tools know it by: they may number GPUs differently


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What the driver says; without one, or without a GPU, why."""

    cuda: tuple[int, int] | None = None  # the newest CUDA that it runs
    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None


class _Failed(Exception):
    """A call returned something else than success."""


def driver() -> Driver:
    """Ask the driver. Whatever goes wrong on the way is the answer's ``problem``."""
    try:
        library = _load()
    except OSError as error:
        return Driver(problem=f"no NVIDIA driver is found ({error})")
    cuda = None
    try:
        cuda = _cuda_version(library)
        status = library.cuInit(0)
        if status == _NO_DEVICE:
            return Driver(cuda=cuda, problem="the NVIDIA driver finds no GPU")
        _check("cuInit", status)
        gpus = tuple(_gpu(library, index) for index in range(_number(library, "cuDeviceGetCount")))
    except _Failed as error:
        return Driver(cuda=cuda, problem=f"the NVIDIA driver does not answer ({error})")
    return Driver(cuda=cuda, gpus=gpus, problem=None if gpus else "the NVIDIA driver finds no GPU")


def _load() -> Any:  # a native library
    return ctypes.CDLL(_LIBRARY)


def _cuda_version(library: Any) -> tuple[int, int]:
    version = _number(library, "cuDriverGetVersion")  # 12040 is 12.4
    return version // 1000, version % 1000 // 10


def _gpu(library: Any, index: int) -> Gpu:
    device = _number(library, "cuDeviceGet", index)
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _check("cuDeviceGetName", library.cuDeviceGetName(name, _NAME_BYTES, device))
    uuid = ctypes.create_string_buffer(_UUID_BYTES)
    _check("cuDeviceGetUuid", library.cuDeviceGetUuid(uuid, device))
    major, minor = (_number(library, "cuDeviceGetAttribute", which, device) for which in (_MAJOR, _MINOR))
    return Gpu(name=name.value.decode(errors="replace"), capability=(major, minor), uuid=f"GPU-{UUID(bytes=uuid.raw)}")


def _number(library: Any, call: str, *arguments: int) -> int:
    """Make a call whose first argument is where its answer goes."""
    answer = ctypes.c_int()
    _check(call, getattr(library, call)(ctypes.byref(answer), *arguments))
    return answer.value


def _check(call: str, status: int) -> None:
    if status:
        raise _Failed(f"{call} returned {status}")
