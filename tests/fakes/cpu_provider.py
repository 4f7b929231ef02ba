"""The classes that run bundles on a GPU, driven on the CPU: ONNX Runtime moves nothing there and computes the same."""

from pathlib import Path
from time import perf_counter
from typing import Any

import eeinfer
from eeinfer.backends.levels import Level
from eeinfer.backends.ort_gpu.backend import OrtGpuBackend
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.bundle.folder import Bundle
from eeinfer.rule import as_limits

NAME = "CPUExecutionProvider"


def provider(*names: str) -> Provider:
    return Provider(names=names or (NAME,), device="cpu", attach=lambda options, inputs: [NAME])


class Clock:
    """A stream that measures with the host's clock."""

    def mark(self) -> float:
        return perf_counter()

    def elapsed_ms(self, start: float, end: float) -> float:
        return 1e3 * (end - start)


def backend(
    bundle: Path | Bundle, *names: str, name: str = "onnxruntime-cuda", level: Level = Level.PLAIN
) -> OrtGpuBackend:
    opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
    stream: Any = Clock()
    return OrtGpuBackend(opened, provider(*names), name=name, device="cuda", stream=stream, level=level)


def engine(path: Path, *, level: Level = Level.PLAIN) -> eeinfer.Engine:
    opened = backend(path, level=level)
    bundle = Bundle.open(path)
    return eeinfer.Engine(bundle, opened, as_limits(bundle.manifest.taus, len(bundle.manifest.segments)))
