"""ONNX Runtime on an NVIDIA GPU: one session per segment and one stream for all.

Options of these backends: ``level``, 0 or 1 of ``eeinfer.backends.levels``; a CUDA graph is captured for a single
image, batches launch kernels. Anything that a provider would leave to the CPU is an error.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from eeinfer.backends.choice import gpu_index
from eeinfer.backends.levels import Level, read_level
from eeinfer.backends.ort_gpu import providers
from eeinfer.backends.ort_gpu.backend import OrtGpuBackend
from eeinfer.backends.ort_gpu.streams import Stream
from eeinfer.bundle.folder import Bundle
from eeinfer.machine import cache
from eeinfer.machine.installed import Facts, collect
from eeinfer.machine.requirements import CUDA_PROVIDER, RTX_PLUGIN, TENSORRT_PROVIDER

log = logging.getLogger(__name__)


def open_cuda(
    bundle: Bundle, *, device: str, threads: int | str | None, verify: bool, options: Mapping[str, str]
) -> OrtGpuBackend:
    """Open a bundle with ONNX Runtime's CUDA provider."""
    index, level = _settings(CUDA_PROVIDER, device, threads, options)
    stream = Stream(index)
    provider = providers.cuda_provider(index, int(stream), graphs=level == Level.GRAPHS)
    return OrtGpuBackend(bundle, provider, name=CUDA_PROVIDER, device=device, stream=stream, level=level)


def open_tensorrt(
    bundle: Bundle, *, device: str, threads: int | str | None, verify: bool, options: Mapping[str, str]
) -> OrtGpuBackend:
    """Open a bundle with ONNX Runtime's TensorRT provider; the first time on a machine it builds engines."""
    index, level = _settings(TENSORRT_PROVIDER, device, threads, options)
    facts, stream = collect(), Stream(index)
    if facts.runtime is not None and facts.runtime.tensorrt is not None:
        providers.load_tensorrt(facts.runtime.tensorrt)
    cache = _cache(bundle, facts, index)
    provider = providers.tensorrt_provider(index, int(stream), graphs=level == Level.GRAPHS, cache=cache)
    return OrtGpuBackend(bundle, provider, name=TENSORRT_PROVIDER, device=device, stream=stream, level=level)


def open_tensorrt_rtx(
    bundle: Bundle, *, device: str, threads: int | str | None, verify: bool, options: Mapping[str, str]
) -> OrtGpuBackend:
    """Open a bundle with the TensorRT-RTX plugin, which compiles its kernels when a segment is opened."""
    index, level = _settings(RTX_PLUGIN, device, threads, options, levels=(Level.PLAIN,))
    stream = Stream(index)
    provider = providers.tensorrt_rtx_provider(index, int(stream), cache=_cache(bundle, collect(), index))
    return OrtGpuBackend(bundle, provider, name=RTX_PLUGIN, device=device, stream=stream, level=level)


def _settings(
    name: str,
    device: str,
    threads: int | str | None,
    options: Mapping[str, str],
    *,
    levels: Sequence[Level] = (Level.PLAIN, Level.GRAPHS),
) -> tuple[int, Level]:
    """Read which GPU and which level are meant, before anything is opened."""
    level = read_level(options, backend=name, known=levels, default=Level.PLAIN)
    if threads is not None:
        warnings.warn(f"threads={threads} has no effect on a GPU", stacklevel=7)
    return gpu_index(device) or 0, level


def _cache(bundle: Bundle, facts: Facts, index: int) -> Path | None:
    """Where engines of this bundle are kept that fit this GPU and these libraries; None: nowhere."""
    versions = [f"{name} {version}" for name, version in sorted(facts.versions.items())]
    folder = cache.entry("engines", bundle.fingerprint, facts.driver.gpus[index].name, *versions)
    if folder is not None:
        try:
            cache.make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
        except OSError as error:
            log.info("engines are not kept: %s cannot be made (%s)", folder, error.strerror)
            return None
    return folder
