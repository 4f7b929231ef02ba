"""Which library builds, and what for: the choice is made, and refused, before any work is done."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eeinfer.bundle.build_record import RTX, TENSORRT, target_name
from eeinfer.errors import DependencyError, ExportError
from eeinfer.export.trt.config import CURRENT, LIBRARIES, TrtConfig
from eeinfer.machine.extras import PACKAGES
from eeinfer.machine.gpus import Gpu, driver

_INSTALL = {name: f"pip install 'eeinfer[{PACKAGES[name][1]}]'" for name in LIBRARIES}


@dataclass(frozen=True, kw_only=True)
class BuildLibrary:
    """A TensorRT that can build for all the targets."""

    name: str  # tensorrt or tensorrt_rtx
    module: Any  # neither library has types
    targets: tuple[str, ...]  # compute capabilities: sm86
    gpu: str | None  # the GPU that kernels are timed on; None: none are

    @property
    def version(self) -> str:
        """The library's own version."""
        return str(self.module.__version__)


def choose(config: TrtConfig) -> BuildLibrary:
    """Import the library that ``config`` asks for, or else the one that suits its targets.

    TensorRT builds for the GPU that it runs on; it is taken where that is the only target. TensorRT-RTX builds for
    any RTX GPU, on a machine without one too.

    Raises:
        DependencyError: it is not installed.
        ExportError: it does not load, or does not build for one of the targets; or there is no current GPU.
    """
    gpu, missing = _gpu()
    here = None if gpu is None else target_name(gpu.capability)
    targets = tuple(dict.fromkeys(here if target == CURRENT else target for target in config.targets))
    name = config.library or _suitable(alone=here is not None and targets == (here,))
    module = _open(name)
    known = _rtx_targets(module) if name == RTX else [here] if here else []
    for target in targets:
        if target is None:
            raise ExportError(f"there is no current GPU to build for: {missing}; {_way_out(name, known)}")
        if target not in known:
            raise ExportError(f"{_refusal(name, target, here, missing)}; {_way_out(name, known)}")
    return BuildLibrary(
        name=name,
        module=module,
        targets=tuple(target for target in targets if target),
        gpu=gpu.name if gpu and name == TENSORRT else None,
    )


def _gpu() -> tuple[Gpu | None, str]:
    """The first GPU that CUDA shows to this process, on which TensorRT builds; or why there is none."""
    found = driver()
    return next(iter(found.gpus), None), found.problem or ""


def _suitable(*, alone: bool) -> str:
    """The installed library; of both, TensorRT where this machine's GPU is the only target."""
    installed = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    if not installed:
        raise DependencyError(
            f"neither tensorrt_rtx nor tensorrt is installed; for RTX GPUs, and without a GPU: {_INSTALL[RTX]}; for "
            f"the NVIDIA GPU of this machine, whichever it is: {_INSTALL[TENSORRT]}"
        )
    return installed[0] if alone else installed[-1]


def _open(name: str) -> Any:  # neither library has types
    if not importlib.util.find_spec(name):
        raise DependencyError(f"{name} is not installed: {_INSTALL[name]}")
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise ExportError(
            f"{name} is installed and does not load, {error}; install it again: pip install --force-reinstall "
            f"{PACKAGES[name][0]}"
        ) from error


def _rtx_targets(module: Any) -> list[str]:
    return [name.lower() for name in module.ComputeCapability.__members__ if name.startswith("SM")]


def _refusal(name: str, target: str, here: str | None, missing: str) -> str:
    if name == RTX:
        return f"{name} does not build for {target}"
    return f"{name} builds for the GPU it runs on, and not for {target}: {f'this one is {here}' if here else missing}"


def _way_out(name: str, known: Sequence[str]) -> str:
    if name == RTX:
        return f"choose --target among {', '.join(known)}, or build on a machine with the GPU: {_INSTALL[TENSORRT]}"
    where = "take --target current, or " if known else ""
    return f"{where}build on a machine with the GPU, or for RTX GPUs on any machine: {_INSTALL[RTX]}"
