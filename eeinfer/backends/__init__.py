"""Backends by name. Each is imported when it is asked for, so that none is needed that is not used."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module

from eeinfer.backends.base import Backend
from eeinfer.backends.choice import candidates, gpu_index, refusal
from eeinfer.backends.chosen import preferred
from eeinfer.backends.loop import LoopBackend
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.onnx_runtime import share_threads as share_threads
from eeinfer.backends.ort.optimised import is_kept
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError, EeinferError, unknown
from eeinfer.machine.installed import collect
from eeinfer.machine.packages import declared, find_declared, load_declared
from eeinfer.machine.requirements import obstacle

BACKENDS = {
    "onnxruntime": "eeinfer.backends.ort.backend:OrtBackend",
    "native": "eeinfer.backends.native.backend:NativeBackend",
    "openvino": "eeinfer.backends.openvino.backend:OpenVinoBackend",
    "tensorrt": "eeinfer.backends.trt.backend:TrtBackend",
    "onnxruntime-cuda": "eeinfer.backends.ort_gpu.opening:open_cuda",
    "onnxruntime-tensorrt": "eeinfer.backends.ort_gpu.opening:open_tensorrt",
    "onnxruntime-tensorrt-rtx": "eeinfer.backends.ort_gpu.opening:open_tensorrt_rtx",
}

_CHECKS_ITSELF = "native"  # the compiled library reads the bundle anew, with all checks

_GROUP = "eeinfer.backends"  # entry points by which packages declare backends; a name above always means our own

log = logging.getLogger(__name__)


def open_backend(
    name: str | None,
    bundle: Bundle,
    *,
    device: str,
    threads: int | str | None = None,
    verify: bool = True,
    options: Mapping[str, str] | None = None,
    check: Callable[..., None] = lambda **_: None,
) -> Backend | LoopBackend:
    """Open every segment of ``bundle`` with the backend ``name``, or with the best one that works on ``device``.

    Args:
        name: one of ``BACKENDS``, or one that a package declares.
        bundle: whose segments are opened.
        device: where they run.
        threads: a setting of ``eeinfer.backends.threads``.
        verify: whether the files are compared with their sums.
        options: of the backend.
        check: checks the files of ``bundle``; called before a backend opens them that does not check them itself, with
            ``vouched``: whether its graphs were checked before.

    Raises:
        ConfigError: an unknown backend, device or option, a setting of threads that is none, or no backend that works
            on the device: then with the reason of each.
        DependencyError: the backend's package is not installed.
        BundleError: a segment is not what the manifest says.
    """
    if name is not None and name not in BACKENDS and name not in declared(_GROUP):
        raise ConfigError(unknown("backend", name, [*BACKENDS, *declared(_GROUP)]))
    names = candidates(name, device)
    index = gpu_index(device)
    if name is None and index is None:
        names = preferred(bundle, names, threads)
    facts = None if index is None else collect()
    reasons: dict[str, str] = {}
    for candidate in names:
        reason = None if facts is None or candidate not in BACKENDS else obstacle(candidate, facts, index or 0)
        if reason is None:
            if candidate != _CHECKS_ITSELF:
                check(vouched=candidate == ONNX_RUNTIME and is_kept(bundle))  # the others need no ONNX Runtime
            try:
                make = _maker(candidate)
                return make(bundle, device=device, threads=threads, verify=verify, options=options or {})
            except EeinferError as error:
                if len(names) == 1 or (index is None and candidate == names[-1]):
                    raise
                reason = str(error)
        reasons[candidate] = reason
        log.info("backend %s is passed over: %s", candidate, reason)
    raise refusal(device, reasons)


def _maker(name: str) -> Callable[..., Backend | LoopBackend]:
    own = None if name in BACKENDS else find_declared(_GROUP, name, ())
    if own is not None:  # such a maker takes what the ones here take
        made: Callable[..., Backend | LoopBackend] = load_declared(own)
        return made
    module, attribute = BACKENDS[name].split(":")
    maker: Callable[..., Backend | LoopBackend] = getattr(import_module(module), attribute)
    return maker
