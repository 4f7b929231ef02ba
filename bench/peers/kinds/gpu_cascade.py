"""Our own cascade on a GPU: the native backend at each of its levels, and ONNX Runtime's best provider."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from eeinfer.backends.trt.library import installed
from eeinfer.bench.peers.kinds.cascade import Cascade
from eeinfer.bench.workers.base import Setup, Unavailable, needs
from eeinfer.engine import Engine
from eeinfer.loading import load

NATIVE_PACKAGES = ("eeinfer", "tensorrt-cu13", "tensorrt-rtx-cu13", "cuda-bindings", "numpy")
RUNTIME_PACKAGES = ("eeinfer", "onnxruntime", "onnxruntime-gpu", "onnxruntime-ep-nv-tensorrt-rtx-cu13", "numpy")


class _Native(Cascade):
    """The backend `tensorrt` at one level; a lower one in its place would be another peer."""

    packages = NATIVE_PACKAGES
    level: ClassVar[str]

    @classmethod
    def libraries(cls) -> None:
        """Import TensorRT and CUDA's calls."""
        installed()
        needs("cuda.bindings.runtime")

    @classmethod
    def opened(cls, setup: Setup) -> Engine:
        """Open the bundle's plans.

        Raises:
            Unavailable: the level is refused here, and why.
        """
        with _said() as reasons:
            engine = load(setup.bundle, device=setup.device, backend="tensorrt", options={"level": cls.level})
        if engine.level != cls.level:
            raise Unavailable(f"level {cls.level} is refused here, {engine.level} would run: {'; '.join(reasons)}")
        return engine


class Level3(_Native):
    """One launch per image."""

    note = "plans of the segments as one CUDA graph: one launch per image, the device decides; batches as at level 1"
    level = "3"


class Level2(_Native):
    """The next segment runs ahead."""

    note = "as level 1, and the next segment is enqueued before the host has decided; batches as at level 1"
    level = "2"


class Level1(_Native):
    """A graph per segment."""

    note = "plans of the segments, each a CUDA graph; the host reads a score and decides"
    level = "1"


class Level0(_Native):
    """No graphs."""

    note = "plans of the segments, enqueued one by one; the host reads a score and decides"
    level = "0"


class OnnxRuntime(Cascade):
    """The best provider of ONNX Runtime that works."""

    note = "eeinfer.load with backend='onnxruntime': the segments as sessions on the best provider that works"
    packages = RUNTIME_PACKAGES

    @classmethod
    def opened(cls, setup: Setup) -> Engine:
        """Open the bundle's segments."""
        return load(setup.bundle, device=setup.device, backend="onnxruntime")


@contextmanager
def _said() -> Iterator[list[str]]:
    """What the native backend's log has to say: why it runs at a lower level."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("eeinfer.backends.trt")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)
