"""The classes that run bundles on a GPU, driven on the CPU: ONNX Runtime moves nothing there and computes the same."""

from pathlib import Path

import eeinfer
from eeinfer.backends.ort_gpu.backend import OrtGpuBackend
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.bundle.folder import Bundle
from eeinfer.rule import as_limits

NAME = "CPUExecutionProvider"


def provider(*names: str) -> Provider:
    return Provider(names=names or (NAME,), device="cpu", attach=lambda options, inputs: [NAME])


def backend(path: Path, *, level: str = "0") -> OrtGpuBackend:
    return OrtGpuBackend(Bundle.open(path), provider(), name="onnxruntime-cuda", device="cuda", level=level)


def engine(path: Path, *, level: str = "0") -> eeinfer.Engine:
    opened = backend(path, level=level)
    bundle = Bundle.open(path)
    return eeinfer.Engine(bundle, opened, as_limits(bundle.manifest.taus, len(bundle.manifest.segments)))
