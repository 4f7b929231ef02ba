"""A bundle's segments in the form that suits this machine best, kept in the machine's cache.

Made by ``eeinfer.export.optimise.segments`` when a bundle is first opened here, and compared with the bundle's own
segments before it is used. Whatever goes wrong on the way, the bundle's own segments run.
"""

import logging
import shutil
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path

from eeinfer.backends.ort.pools import onnxruntime
from eeinfer.backends.ort.sums import check_sums
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.errors import BundleError, EeinferError
from eeinfer.machine import cache

_KIND = "optimised"
_MAKER = "eeinfer.export.optimise.segments"  # imported when it is needed: a bundle runs where nothing can be exported
_FORM = "form 4"  # counts up with what the maker does
_MOST_BYTES = 4 << 30  # of optimised bundles that are kept
_REFUSED = ".refused"  # what could not be optimised is not tried each time

log = logging.getLogger(__name__)


def place(bundle: Bundle) -> Path | None:
    """Return where the optimised form of ``bundle`` lies or would lie; None where nothing is kept."""
    return cache.entry(_KIND, bundle.fingerprint, f"onnxruntime {onnxruntime().__version__}", _FORM)


def wanted(bundle: Bundle) -> bool:
    """Whether ``bundle`` may have an optimised form: something is kept here, and it was not refused before."""
    path = place(bundle)
    return path is not None and not path.with_suffix(_REFUSED).exists()


def find(bundle: Bundle) -> Bundle | None:
    """Return the optimised form of ``bundle`` from the cache, its files not read yet; None: it is not there."""
    path = place(bundle)
    if path is None or not path.exists():
        return None
    try:
        found = Bundle.open(path, verify=False)
        cache.touch(path)
        return found
    except BundleError as error:
        forget(bundle, error)
        return None


def checking(found: Bundle) -> AbstractContextManager[None]:
    """Compare the files of an optimised form with the sums noted when it was made, beside what the block does.

    Raises:
        BundleError: one is missing or damaged, which explains whatever went wrong in the block.
    """
    return found.verifying(lambda: check_sums(found.path, (MANIFEST_NAME, *found.manifest.files)))


def forget(bundle: Bundle, damage: BundleError) -> None:
    """Throw the optimised form of ``bundle`` away because it was damaged: it is made again."""
    log.info("%s; it is made again", damage)
    path = place(bundle)
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)


def make(bundle: Bundle) -> Bundle | None:
    """Optimise ``bundle``, which is ``wanted``, and put the result into the cache; None where that cannot be done."""
    path = place(bundle)
    if path is None:
        return None
    try:
        export = import_module(_MAKER)
    except ImportError:  # the onnx package cuts graphs
        log.info("the segments of %s run as they are; faster: pip install 'eeinfer[cpu]'", bundle.path)
        return None
    try:
        bundle.verify()  # what is kept stands for the manifest's files, whatever a call may skip
    except BundleError as error:
        log.warning("nothing is kept of it: %s", error)
        return None
    try:
        made = Bundle.open(export.optimise_bundle(bundle, path))
        cache.prune(path, _MOST_BYTES)
        return made
    except EeinferError as error:
        refuse(bundle, str(error))
        return None


def refuse(bundle: Bundle, reason: str) -> None:
    """Throw the optimised form of ``bundle`` away and remember that the bundle's own segments are to be run."""
    log.warning("the segments of %s run as they are: %s", bundle.path, reason)
    path = place(bundle)
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)
        _remember(path.with_suffix(_REFUSED), reason)


def _remember(path: Path, reason: str) -> None:
    try:
        path.write_text(reason)
    except OSError:  # a folder that cannot be written: then it is tried again
        log.info("cannot write %s", path)
