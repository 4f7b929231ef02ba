"""Where a measurement was made: enough to judge and repeat it, nothing that names the machine or its user."""

import os
import platform
from importlib import metadata
from pathlib import Path

import msgspec

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")


class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The circumstances that every number of a report depends on."""

    device: str  # as asked for: cpu, cuda, ...
    cpu: str  # the processor's own name
    cores: int  # that this process may use
    threads: int | None  # per session; None where the runtime chose
    load: float | None  # average of the last minute, when the measurement began; above `cores` others were at work
    system: str
    python: str
    versions: dict[str, str]  # of the packages that computed


def environment(device: str, threads: int | None, load: float | None) -> Environment:
    """Describe this process's machine; ``device``, ``threads`` and ``load`` are those of the measurement."""
    names = ("eeinfer", *_RUNTIMES, "numpy")
    return Environment(
        device=device,
        cpu=_cpu(),
        cores=_cores(),
        threads=threads,
        load=load,
        system=_system(),
        python=platform.python_version(),
        versions={name: version for name in names if (version := _version(name)) is not None},
    )


def load_average() -> float | None:
    """How many programs wanted to run in the last minute, on average; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        name = platform.system()
    return f"{name}, {platform.machine()}"
