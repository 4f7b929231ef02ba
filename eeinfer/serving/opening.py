"""Opening a bundle to be shared by requests, in a process that only serves."""

import logging
import os
import sys
from pathlib import Path

import eeinfer
from eeinfer.engine import Engine
from eeinfer.rule import Taus
from eeinfer.steps import Steps

_HANDS_OVER_S = 5e-4  # Python's own 5 ms are longer than many answers take

log = logging.getLogger(__name__)


def shared_engine(
    path: str | os.PathLike[str],
    *,
    device: str = "cpu",
    tau: Taus | None = None,
    threads: int | str | None = None,
    backend: str | None = None,
) -> Engine:
    """Open a bundle with a loop that requests can share, which the compiled one is not, unless a backend is named.

    Raises:
        EeinferError: as ``eeinfer.load``.
    """
    engine = eeinfer.load(path, device=device, tau=tau, threads=threads, backend=backend)
    if backend is None and not isinstance(engine.loop, Steps):
        log.info("%s runs on onnxruntime: backend %s brings a loop that requests cannot share", path, engine.backend)
        engine = eeinfer.load(path, device=device, tau=tau, threads=threads, backend="onnxruntime")
    return engine


def hand_over_soon() -> None:
    """Let a thread that waits for the interpreter have it sooner: whoever computes gives it up at the next chance."""
    sys.setswitchinterval(_HANDS_OVER_S)


def take_serving_process(bundle: Path, *, device: str, threads: int | None, backend: str | None) -> None:
    """Give a process that has no other purpose than to serve quick hand-overs and, on the CPU, one pool.

    Raises:
        ConfigError, BundleError: as `eeinfer.backends.ort.process.take_process`.
    """
    hand_over_soon()
    if device == "cpu":
        from eeinfer.backends.ort.process import take_process

        take_process(bundle, threads, backend)
