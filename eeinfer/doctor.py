"""What is installed, what works, and the command that installs the rest. Imports nothing heavy until asked."""

import importlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from eeinfer.extras import PACKAGES, RUNTIME_WHEELS

# ONNX: y = x + x on one float, opset 17, IR 8. Small enough to keep here, so that no other package is needed to try
# a provider: `onnx.helper.make_node("Add", ["x", "x"], ["y"])` in a graph `g`.
_PROBE = (
    b'\x08\x08:5\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Add\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11"
)
_REMOTE = {"AzureExecutionProvider"}  # sends work to a service; nothing to try on this machine


@dataclass(frozen=True, kw_only=True)
class Package:
    """An optional package: its version, or None where it is not installed."""

    name: str
    version: str | None
    extra: str


@dataclass(frozen=True, kw_only=True)
class Device:
    """Something that can compute: an ONNX Runtime provider or a torch device, tried on one small sum."""

    library: str
    name: str
    problem: str | None  # None: it works


@dataclass(frozen=True, kw_only=True)
class Ability:
    """Something eeinfer can do here, or the command after which it can."""

    name: str
    works: bool
    fix: str | None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All findings; ``problems`` are installations that contradict themselves and go wrong silently."""

    eeinfer: str
    python: str
    platform: str
    cores: int
    packages: tuple[Package, ...]
    devices: tuple[Device, ...]
    abilities: tuple[Ability, ...]
    problems: tuple[str, ...]


def examine() -> Diagnosis:
    """Look at this Python and this machine. Takes seconds where torch is installed, because it is imported."""
    packages = tuple(
        Package(name=name, version=_installed(name), extra=extra) for name, extra in _distributions().items()
    )
    devices = (*_runtime_devices(), *_torch_devices())
    return Diagnosis(
        eeinfer=version("eeinfer"),
        python=platform.python_version(),
        platform=platform.platform(),
        cores=os.cpu_count() or 1,
        packages=packages,
        devices=devices,
        abilities=_abilities(packages, devices),
        problems=tuple(_problems(devices)),
    )


def _distributions() -> dict[str, str]:
    """Name on the package index -> extra, the rival runtimes included."""
    known = dict(PACKAGES.values())
    return {"onnxruntime": "cpu", "onnxruntime-gpu": "gpu"} | known


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _attempt(library: str, name: str, trial: Callable[[], object]) -> Device:
    """Run ``trial`` and keep the first line of whatever goes wrong: native libraries raise anything."""
    try:
        trial()
    except Exception as error:
        lines = str(error).strip().splitlines()
        return Device(library=library, name=name, problem=lines[0] if lines else type(error).__name__)
    return Device(library=library, name=name, problem=None)


def _module(name: str) -> Any:  # a library without types, or None
    """Import a library; None where it is absent. One that is present and broken is reported as a device."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _runtime_devices() -> Iterator[Device]:
    probe = _attempt("onnxruntime", "import", lambda: _module("onnxruntime"))
    if probe.problem is not None:
        yield probe
        return
    runtime = _module("onnxruntime")
    if runtime is None:
        return
    if not hasattr(runtime, "get_available_providers"):  # what uninstalling one of two rival wheels leaves behind
        yield Device(library="onnxruntime", name="import", problem="the package is there without its contents")
        return
    for provider in runtime.get_available_providers():
        if provider not in _REMOTE:
            yield _attempt("onnxruntime", provider, partial(_sum_on, runtime, provider))


def _sum_on(runtime: Any, provider: str) -> None:  # Any: onnxruntime has no types
    """Add two numbers on one provider, and do not let the CPU step in for it."""
    import numpy as np

    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes back as an exception
    if provider != "CPUExecutionProvider":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    session = runtime.InferenceSession(_PROBE, options, providers=[provider])
    [total] = session.run(None, {"x": np.ones(1, dtype=np.float32)})
    if total[0] != 2:
        raise ArithmeticError(f"1 + 1 gave {total[0]}")


def _torch_devices() -> Iterator[Device]:
    probe = _attempt("torch", "import", lambda: _module("torch"))
    if probe.problem is not None:
        yield probe
        return
    torch = _module("torch")
    if torch is None:
        return
    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    for name in names:
        label = f"{name} {torch.cuda.get_device_name(name)}" if name.startswith("cuda") else name
        yield _attempt("torch", label, partial(_torch_sum, torch, name))


def _torch_sum(torch: Any, device: str) -> None:  # Any: torch is not imported here
    torch.ones(1, device=device).add(1).item()


def _abilities(packages: tuple[Package, ...], devices: tuple[Device, ...]) -> tuple[Ability, ...]:
    missing = {package.extra for package in packages if package.version is None}
    working = {device.name.split()[0] for device in devices if device.problem is None}
    run = "CPUExecutionProvider" in working
    train = "train" not in missing and "cpu" in working
    runtime_extra = "gpu" if _nvidia_gpu() else "cpu"
    rows = [
        ("run bundles", run, f"pip install 'eeinfer[{runtime_extra}]'"),
        ("bench", run and "bench" not in missing, f"pip install 'eeinfer[{'bench' if run else runtime_extra}]'"),
        ("train", train, "pip install 'eeinfer[train]'"),
        (
            "export",
            run and train and not {"export", "bench"} & missing,
            f"pip install 'eeinfer[{'export' if run else f'{runtime_extra},export'}]'",
        ),
    ]
    if _nvidia_gpu():
        swap = "pip uninstall -y onnxruntime && pip install --force-reinstall --no-deps onnxruntime-gpu"
        rows.append(("run bundles on the GPU", "CUDAExecutionProvider" in working, swap))
    return tuple(Ability(name=name, works=works, fix=None if works else fix) for name, works, fix in rows)


def _nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is at work; asked of the system, because no library here may be installed yet."""
    return shutil.which("nvidia-smi") is not None and sys.platform != "darwin"


def _problems(devices: tuple[Device, ...]) -> Iterator[str]:
    rivals = [name for name in RUNTIME_WHEELS if _installed(name) is not None]
    if len(rivals) > 1:
        keep = "gpu" if "onnxruntime-gpu" in rivals else "cpu"
        yield (
            f"{' and '.join(rivals)} are installed at once and overwrite each other's files: "
            f"pip uninstall -y {' '.join(rivals)} && pip install 'eeinfer[{keep}]'"
        )
    for device in devices:
        if device.name == "import":
            fix = f"pip install --force-reinstall --no-deps {rivals[0] if rivals else device.library}"
            yield f"{device.library} is installed but does not load ({device.problem}): {fix}"
