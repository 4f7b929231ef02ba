"""A process that is the cascade's own: one pool for all its sessions, where that suits the bundle."""

from pathlib import Path

from eeinfer.backends.chosen import quickest
from eeinfer.backends.onnx_runtime import library, share_threads
from eeinfer.backends.profile import find_profile
from eeinfer.backends.threads import SHARED, as_threads
from eeinfer.bundle.folder import Bundle


def take_process(bundle: Path, threads: int | None) -> None:
    """Give a process that is the cascade's own the pool that suits it.

    Args:
        bundle: the folder that is about to be opened.
        threads: size of one pool for all sessions; None takes the profile's setting, and without one a thread per core.

    Raises:
        BundleError: the bundle is missing or damaged.
        ConfigError: ``threads`` is below 1, or the process has another pool already.
    """
    if threads is not None:
        share_threads(threads)
        return
    opened = Bundle.open(bundle, verify=False)
    if quickest(opened) is not None:
        return  # another library runs it, which has pools of its own
    profile, flops = find_profile(opened, library()), [segment.flops for segment in opened.manifest.segments]
    plan = None if profile is None else as_threads(profile.process, flops)
    if plan is None or plan.mode == SHARED:
        share_threads(None if plan is None else plan.counts[0])
