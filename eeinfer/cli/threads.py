"""One thread pool for all sessions, where the process is the command line's own and not a host's or a test's."""

from pathlib import Path

_ours = False


def claim_process() -> None:
    """Note that this process was started to run a command."""
    global _ours
    _ours = True


def share_pool(bundle: Path, threads: int | None, *, backend: str | None = None, serves: bool = False) -> None:
    """Make the process-wide pool, unless somebody else's sessions may want to live in this process too.

    Args:
        bundle: what is about to be opened.
        threads: of the pool; None takes what suits the bundle.
        backend: the one that is asked for, if any.
        serves: whether several threads of Python answer requests here.
    """
    if _ours:
        from eeinfer.backends.ort.process import take_process
        from eeinfer.serving.opening import hand_over_soon

        take_process(bundle, threads, backend)
        if serves:
            hand_over_soon()
