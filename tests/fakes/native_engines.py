"""Engines of the backend `tensorrt` on the fakes, closed and looked over when done."""

import gc
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_cuda import FakeCuda
from fake_tensorrt import add_plans, fake_tensorrt, hide

import eeinfer
from eeinfer.backends.cuda import open_cuda
from eeinfer.backends.levels import Level
from eeinfer.backends.trt.library import installed
from eeinfer.bundle.build_record import TENSORRT
from eeinfer.errors import EeinferError

LEVELS = tuple(f"{level:d}" for level in Level)


def with_plans(bundle: Path, folder: Path, *, batches: tuple[int, ...] = (1, 8, 32)) -> Path:
    copy = shutil.copytree(bundle, folder / bundle.name)
    add_plans(copy, batches=batches)
    return copy


@contextmanager
def fakes(cuda: FakeCuda, *, runs: bool = True) -> Iterator[FakeCuda]:
    """Let the backend meet `cuda` and a TensorRT of its kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorrt", fake_tensorrt(cuda, runs=runs))
        hide(patch, "tensorrt_rtx")
        patch.setattr("eeinfer.backends.trt.backend.open_cuda", lambda device: cuda)
        patch.setattr("eeinfer.backends.collect", lambda: None)  # what this machine has
        patch.setattr("eeinfer.backends.obstacle", lambda *_: None)
        yield cuda


@contextmanager
def native(bundle: Path, cuda: FakeCuda, *, level: str | None = None) -> Iterator[eeinfer.Engine]:
    """An engine on the fakes. In the end nothing was misused and everything was given back."""
    with fakes(cuda):
        options = None if level is None else {"level": level}
        with eeinfer.load(bundle, backend="tensorrt", device="cuda", options=options) as engine:
            yield engine
    gc.collect()
    assert cuda.misuses == []
    assert cuda.alive() == {}


def gpu_missing() -> str | None:
    """Why tests that need a GPU, and a TensorRT that runs on it, cannot run; None: they can."""
    try:
        device, libraries = open_cuda("cuda"), installed()
    except EeinferError as reason:
        return str(reason)
    tensorrt = any(library.name == TENSORRT for library in libraries)
    rtx = device.capability >= (12, 0) or device.capability in ((8, 6), (8, 9))
    return None if tensorrt or rtx else f"tensorrt_rtx does not run on {device.name}, and tensorrt is not installed"
