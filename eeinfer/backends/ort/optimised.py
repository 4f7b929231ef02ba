"""Finding the optimised form of a bundle: in the bundle, or in the machine's cache. It is never made here.

``eeinfer.export.optimise`` makes it, for ``eeinfer optimise`` or when ``eeinfer.loading`` asks for it. Whatever is
wrong with it, the bundle's own segments run.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bundle.build_record import BUILD_NAME
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.optimised import Form, Target, read_form, read_record
from eeinfer.errors import BundleError
from eeinfer.files import replace_file
from eeinfer.machine import cache
from eeinfer.machine.instructions import instruction_sets
from eeinfer.machine.locks import locked

KIND = "optimised"
_REFUSED = ".refused"  # what answers differently when it is optimised is not tried each time
_MOMENT_S = 0.2

log = logging.getLogger(__name__)


def target(bundle: Bundle) -> Target:
    """Return what an optimised form of ``bundle`` has to be made for to be used here."""
    return Target(
        bundle=bundle.fingerprint, library_version=onnxruntime().__version__, instruction_sets=instruction_sets()
    )


def place(bundle: Bundle) -> Path | None:
    """Return where the optimised form of ``bundle`` lies, or would lie, in the machine's cache; None: nowhere."""
    return cache.place(KIND, target(bundle).key)


def is_kept(bundle: Bundle) -> bool:
    """Whether the cache has the form of a bundle with this manifest: it was made of graphs that were checked."""
    kept = place(bundle)
    return kept is not None and (kept / BUILD_NAME).is_file()


def find(bundle: Bundle) -> Iterator[Form]:
    """Yield the optimised forms of ``bundle`` for this machine, its own before the cache's: a sound one is run."""
    wanted = target(bundle)
    kept = cache.place(KIND, wanted.key)
    for path in (bundle.file(wanted.folder), kept):
        if path is None or not path.is_dir():
            continue
        record = _record(path)
        try:
            found = read_form(bundle, path, record or b"", trusted=path is kept)
            if found.build.target != wanted:
                raise BundleError(f"{path} was made for something else")
        except BundleError as error:
            discard(bundle, path, error, record=record)
        except Exception as error:  # not damaged: it cannot be read just now, or by this user; never in the way
            log.warning("%s is not used: %s", path, error)
        else:
            if path is kept:
                cache.touch(path)
            yield found


def discard(bundle: Bundle, path: Path, damage: BundleError, *, record: bytes | None) -> None:
    """Put a damaged form aside; one in the cache is made again.

    Args:
        bundle: whose form it is.
        path: where it lies.
        damage: what is wrong with it.
        record: its build.json as it was found; where it is another one now, somebody has put it aside already.
    """
    if path.is_relative_to(bundle.path):
        log.warning("%s; make it again with: eeinfer optimise %s --into bundle", damage, bundle.path)
        return
    log.warning("%s; it is made again", damage)
    try:
        with locked(path.with_name(f".{path.name}.lock"), wait_s=_MOMENT_S) as mine:
            if mine and _record(path) == record:
                cache.discard(path)
    except OSError:  # it cannot be written: then whoever can will do it
        return


def _record(path: Path) -> bytes | None:
    try:
        return read_record(path)
    except BundleError:
        return None


def is_refused(bundle: Bundle) -> bool:
    """Whether it is known that ``bundle`` answers differently, or does not run, when it is optimised."""
    path = place(bundle)
    return path is not None and path.with_suffix(_REFUSED).exists()


def refuse(bundle: Bundle, reason: str) -> None:
    """Remember that ``bundle`` is not to be optimised: for this version of ONNX Runtime, which is part of its place."""
    path = place(bundle)
    if path is None:
        return
    try:
        replace_file(path.with_suffix(_REFUSED), reason.encode())
    except OSError as error:  # then it is tried again
        log.info("that is not remembered: %s", error)
