"""A process that is the cascade's own: one pool for all its sessions, where that suits the bundle."""

from pathlib import Path

from eeinfer.backends.chosen import quickest
from eeinfer.backends.onnx_runtime import library, share_threads
from eeinfer.backends.profile import find_profile
from eeinfer.backends.threads import SHARED, as_threads
from eeinfer.bundle.folder import Bundle

_OVER_ONNX_RUNTIME = (None, "onnxruntime", "native")


def take_process(bundle: Path, threads: int | None, backend: str | None = None) -> None:
    """Give a process that is the cascade's own the pool that suits it.

    Args:
        bundle: the folder that is about to be opened.
        threads: size of one pool for all sessions; None takes the profile's setting, and without one a thread per core.
        backend: the one that is asked for; None: `eeinfer.load` takes what `eeinfer tune` found quickest.

    Raises:
        BundleError: the bundle is missing or damaged.
        ConfigError: ``threads`` is below 1, or the process has another pool already.
    """
    opened = Bundle.open(bundle, verify=False)
    if (backend or quickest(opened, threads, process=True)) not in _OVER_ONNX_RUNTIME:
        return  # another library runs it, which has pools of its own
    if threads is not None:
        share_threads(threads)
        return
    profile, flops = find_profile(opened, library()), [segment.flops for segment in opened.manifest.segments]
    plan = None if profile is None else as_threads(profile.process, flops)
    if plan is None or plan.mode == SHARED:
        share_threads(None if plan is None else plan.counts[0])
