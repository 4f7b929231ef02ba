"""What is installed, what works, and the command that installs the rest. Imports nothing heavy until asked."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from eeinfer import __version__
from eeinfer.backends.chosen import kept_choices
from eeinfer.backends.native.library import obstacle as obstacle_of_library
from eeinfer.backends.openvino.library import obstacle as obstacle_of_openvino
from eeinfer.doctor.trials import BACKENDS, Device, runtime_devices, torch_devices
from eeinfer.machine import cache
from eeinfer.machine.extras import PACKAGES
from eeinfer.machine.gpus import Driver
from eeinfer.machine.installed import Facts, collect
from eeinfer.machine.requirements import GPU_BACKENDS, contradictions, obstacle, remarks
from eeinfer.machine.versions import version_of


@dataclass(frozen=True, kw_only=True)
class Package:
    """An optional package: its version, or None where it is not installed."""

    name: str
    version: str | None
    extra: str


@dataclass(frozen=True, kw_only=True)
class Ability:
    """Something eeinfer can do here, or what keeps it from that and mends it."""

    name: str
    works: bool
    fix: str | None


@dataclass(frozen=True, kw_only=True)
class Cache:
    """What is kept for this machine."""

    folder: str | None  # None: nothing is kept
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What `eeinfer tune` found for a bundle on this machine."""

    bundle: str  # its name
    taken: str
    why: str
    processor: str
    created: str  # ISO 8601


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All findings.

    ``problems`` are installations that contradict themselves and go wrong silently, ``remarks`` are no faults;
    ``on_cpu`` and ``on_gpu`` are the backends that come into question for ``device="cpu"`` and ``"cuda"``, best first:
    the first that works is taken, but where ``tuned`` says that `eeinfer tune` found another one for a bundle.
    """

    eeinfer: str
    python: str
    platform: str
    cores: int
    driver: Driver
    packages: tuple[Package, ...]
    devices: tuple[Device, ...]
    abilities: tuple[Ability, ...]
    on_cpu: tuple[Ability, ...]
    on_gpu: tuple[Ability, ...]
    tuned: tuple[Tuned, ...]
    cache: Cache
    problems: tuple[str, ...]
    remarks: tuple[str, ...]


def examine() -> Diagnosis:
    """Look at this Python and this machine. Takes seconds where torch is installed, because it is imported."""
    packages = tuple(
        Package(name=name, version=version_of(name), extra=extra) for name, extra in _distributions().items()
    )
    facts = collect()
    torch = tuple(torch_devices())
    devices = (*runtime_devices(facts), *torch)
    broken = [
        f"{device.library} is installed but does not load ({device.problem}): "
        f"pip install --force-reinstall --no-deps {device.library}"
        for device in torch
        if device.name == "import"
    ]
    return Diagnosis(
        eeinfer=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        cores=os.cpu_count() or 1,
        driver=facts.driver,
        packages=packages,
        devices=devices,
        abilities=tuple(_abilities(facts, packages, devices)),
        on_cpu=tuple(_on_cpu(devices)),
        on_gpu=tuple(_on_gpu(facts, devices)),
        tuned=tuple(_tuned()),
        cache=_cache(),
        problems=(*contradictions(facts), *broken),
        remarks=tuple(remarks(facts)),
    )


def _distributions() -> dict[str, str]:
    """Name on the package index -> extra, the rival runtimes included."""
    known = dict(PACKAGES.values())
    return {"onnxruntime": "cpu", "onnxruntime-gpu": "gpu"} | known


def _abilities(facts: Facts, packages: tuple[Package, ...], devices: tuple[Device, ...]) -> list[Ability]:
    missing = {package.extra for package in packages if package.version is None}
    working = {device.name.split()[0] for device in devices if device.problem is None}
    run = "CPUExecutionProvider" in working
    train = "train" not in missing and "cpu" in working
    runtime_extra = "gpu" if facts.driver.gpus else "cpu"
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
    return [_ability(name, None if works else fix) for name, works, fix in rows]


def _on_cpu(devices: tuple[Device, ...]) -> list[Ability]:
    """Whether the compiled library loads, ONNX Runtime computes, and OpenVINO finds the CPU."""
    runs = any(device.problem is None and device.name.startswith("CPUExecutionProvider") for device in devices)
    return [
        _ability("native", obstacle_of_library()),
        _ability("onnxruntime", None if runs else "pip install 'eeinfer[cpu]'"),
        _ability("openvino", obstacle_of_openvino()),
    ]


def _on_gpu(facts: Facts, devices: tuple[Device, ...]) -> list[Ability]:
    """What is known of each backend, and what its provider did when it was tried."""
    tried = {BACKENDS.get(device.name): device.problem for device in devices}
    return [_ability(backend, obstacle(backend, facts) or tried.get(backend)) for backend in GPU_BACKENDS]


def _ability(name: str, fix: str | None) -> Ability:
    return Ability(name=name, works=fix is None, fix=fix)


def _tuned() -> Iterator[Tuned]:
    for choice in kept_choices():
        yield Tuned(
            bundle=choice.bundle,
            taken=choice.summary,
            why=choice.why(choice.pick()),
            processor=choice.processor,
            created=choice.created,
        )


def _cache() -> Cache:
    folder = cache.cache_folder()
    return Cache(folder=None if folder is None else str(folder), bytes=cache.cache_bytes())
