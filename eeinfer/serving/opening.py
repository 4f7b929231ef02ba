"""Opening a bundle to be shared by requests."""

import logging
import os

import eeinfer
from eeinfer.engine import Engine
from eeinfer.rule import Taus
from eeinfer.steps import Steps

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
