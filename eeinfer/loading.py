"""From a bundle's folder to an engine."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from eeinfer import samples
from eeinfer.backends import open_backend
from eeinfer.backends.base import Backend
from eeinfer.backends.loop import LoopBackend
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle, unless_replaced
from eeinfer.engine import Engine
from eeinfer.errors import DependencyError, first_line
from eeinfer.rule import Taus, as_given, as_limits

_MOMENT_S = 1.0  # that another process may take to finish the form that it is making

log = logging.getLogger(__name__)


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    device: str = "cpu",
    tau: Taus | None = None,
    threads: int | str | None = None,
    backend: str | None = None,
    options: Mapping[str, str] | None = None,
    verify: bool = True,
) -> Engine:
    """Open a bundle, check it, build a session per segment and warm each of them up.

    Args:
        path: the bundle's folder; None takes the small trained one that the package ships.
        device: where to run: "cpu", "cuda", or "cuda:1" for the second GPU.
        tau: threshold in [0, 1], or one per exit; None takes the manifest's.
        threads: threads per segment, or a mode of ``eeinfer.backends.threads``, such as "stopping:2"; None takes
            one per physical core open to the process, but one alone for segments of less than a millisecond. Faster:
            "shared" or ``eeinfer.share_threads``, where the process is yours.
        backend: a name of ``eeinfer.backends.BACKENDS``; None takes the best that works on the device.
        options: of the backend, such as {"level": "1"}; its module says which.
        verify: False skips the files' hashes, and only those.

    Raises:
        BundleError: the bundle is missing, damaged, from a newer format, or does not chain.
        InputError: tau is outside [0, 1] or of the wrong length.
        ConfigError: unknown backend, device, option or setting of threads, or no backend works there: it says why.
        DependencyError: the backend's package is not installed.

    Example:
        >>> engine = eeinfer.load("model.eeb", tau=0.8)
        >>> engine(images).predictions
    """
    open_segments = partial(open_backend, backend, device=device, threads=threads, verify=verify, options=options)
    folder = samples.bundle_path() if path is None else path
    given, own = None if path is None else str(Path(path).absolute()), None if options is None else dict(options)
    again = partial(load, given, device=device, threads=threads, backend=backend, options=own, verify=verify)
    return unless_replaced(partial(_loaded, folder, tau, open_segments, again, verify=verify))


def _loaded(
    folder: str | os.PathLike[str],
    tau: Taus | None,
    open_segments: Callable[..., Backend | LoopBackend],
    again: Callable[..., Engine],
    *,
    verify: bool,
) -> Engine:
    bundle = Bundle.open(folder, verify=False, graphs=False)  # read the manifest, check that it holds together
    taus = as_limits(bundle.manifest.taus if tau is None else tau, len(bundle.manifest.segments))
    with bundle.opening(verify=verify) as check:  # graphs and hashes, and look again afterwards
        opened = open_segments(bundle, check=check)  # choose the backend; it finds the form and opens its sessions
        if opened.optimised is False and _optimised(bundle):
            opened = open_segments(bundle, check=check)  # the first time here: now the form is there
        if opened.optimised is False and opened.loop is not None:
            _tell_unused(bundle)
        again = partial(again, tau=None if tau is None else as_given(taus))
        return Engine(bundle, opened, taus, again=again)  # warm up: every segment runs once


def _optimised(bundle: Bundle) -> bool:
    """Have the optimised form made in the machine's cache, and say whether it is there: the one call upwards."""
    try:
        if optimised.place(bundle) is None or optimised.is_refused(bundle):
            return False
        from eeinfer.export.optimise.api import optimise  # noqa: TID251 - the one exception

        return optimise(bundle, wait_s=_MOMENT_S) is not None
    except (ModuleNotFoundError, DependencyError) as error:  # the onnx package cuts graphs
        log.info("the segments of %s run as they are (%s); faster: pip install 'eeinfer[cpu]'", bundle.path, error)
    except Exception as error:  # whatever it is: the bundle's own segments are open already
        log.warning("the segments of %s run as they are: %s", bundle.path, first_line(error))
    return False


def _tell_unused(bundle: Bundle) -> None:
    """Say that there is a form which does not run: the compiled library passes it over in silence."""
    form = next(optimised.find(bundle), None)
    if form is not None:
        log.warning("%s is not used, the segments run as they are: the compiled library cannot run it", form.path)
