"""Where a measurement was made: enough to judge and repeat it, nothing that names the machine or its user."""

import os
import platform
from pathlib import Path

import msgspec

from eeinfer.backends.chosen import how as how_it_runs
from eeinfer.engine import Engine
from eeinfer.machine.versions import versions_of

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
_GPU_LIBRARIES = (
    "onnxruntime-ep-nv-tensorrt-rtx-cu13",
    "tensorrt-cu13",
    "tensorrt-cu12",
    "tensorrt-rtx-cu13",
    "nvidia-cudnn-cu13",
    "nvidia-cudnn-cu12",
    "cuda-bindings",
)


class GpuFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The GPU of a measurement; None where nobody tells."""

    name: str
    capability: str
    driver: str | None
    cuda: str | None  # the newest that the driver runs
    sm_mhz: int | None  # right after timing
    max_sm_mhz: int | None
    memory_mhz: int | None
    networks: str | None  # the backend that ran the fixed networks
    backend: str | None = None  # the cascade's
    level: str | None = None  # that it ran at, which may be lower than what was asked


# What is false or missing is left out: such a report is byte for byte what it was before there were these fields.
class Environment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The circumstances that every number of a report depends on."""

    device: str  # as asked for: cpu, cuda, ...
    cpu: str  # the processor's own name
    cores: int  # that this process may use
    threads: int | None  # per session; None where the runtime chose
    load: float | None  # average of the last minute, when the measurement began; above `cores` others were at work
    system: str
    python: str
    versions: dict[str, str]  # of the packages that computed
    gpu: GpuFacts | None = None
    plain: bool = False  # the segments ran as they were exported, not in a form that is kept for this machine
    backend: str | None = None  # which ran the cascade on the CPU
    how: str | None = None  # what that is, and why it ran, in a sentence


def environment(
    device: str,
    threads: int | None,
    load: float | None,
    gpu: GpuFacts | None = None,
    *,
    plain: bool = False,
    backend: str | None = None,
    how: str | None = None,
) -> Environment:
    """Describe this process's machine; what is given here is the measurement's, backend and how where it is the CPU."""
    names = ("eeinfer", *_RUNTIMES, "numpy", *(_GPU_LIBRARIES if gpu is not None else ()))
    return Environment(
        device=device,
        cpu=processor(),
        cores=_cores(),
        threads=threads,
        load=load,
        system=_system(),
        python=platform.python_version(),
        versions=versions_of(names),
        gpu=gpu,
        plain=plain,
        backend=backend,
        how=how,
    )


def of_engine(
    engine: Engine,
    load: float | None,
    gpu: GpuFacts | None = None,
    *,
    named: bool,
    threads: int | str | None = None,
) -> Environment:
    """Describe this process's machine and what of it an engine takes.

    Args:
        engine: that was measured.
        load: of the machine before.
        gpu: that it took.
        named: whether the engine's backend was asked for by its name.
        threads: that the engine was asked for.
    """
    on_cpu = engine.device == "cpu"
    return environment(
        engine.device,
        engine.threads,
        load,
        gpu,
        plain=engine.optimised is False,
        backend=engine.backend if on_cpu else None,
        how=how_it_runs(engine.bundle, engine.backend, threads, named=named) if on_cpu else None,
    )


def load_average() -> float | None:
    """How many programs wanted to run in the last minute, on average; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return the processor's own name, or what kind it is."""
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
