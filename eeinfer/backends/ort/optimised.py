"""Finding the optimised form of a bundle: in the bundle, or in the machine's cache. It is never made here.

``eeinfer.export.optimise`` makes it, for ``eeinfer optimise`` or when ``eeinfer.loading`` asks for it. Whatever is
wrong with it, the bundle's own segments run.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bundle.sums import check_sums
from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.folder import Bundle, check_files
from eeinfer.bundle.optimised import OptimisedBuild, Target, decode_optimised, read_record
from eeinfer.errors import BundleError
from eeinfer.files import replace_file
from eeinfer.machine import cache
from eeinfer.machine.instructions import instruction_sets
from eeinfer.machine.locks import locked

KIND = "optimised"
_REFUSED = ".refused"  # what answers differently when it is optimised is not tried each time
_MOMENT_S = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Form:
    """An optimised form that was found, its graphs and weights not read yet."""

    path: Path
    record: bytes  # its build.json
    build: OptimisedBuild
    bundle: Bundle  # the segments of this form in the place of the bundle's own

    def check(self) -> None:
        """Compare the files with the sums noted when they were made.

        Raises:
            BundleError: one is missing or damaged.
        """
        check_sums(self.path, self.build.crc32)

    @contextmanager
    def opening(self, *, verify: bool) -> Iterator[None]:
        """Look, when the block has read the files, whether they were those of this form; check them on request.

        Raises:
            BundleError: one is missing or damaged, or another form has taken the place of this one.
        """
        with self.bundle.verifying(self.check) if verify else nullcontext():
            yield
        if read_record(self.path) != self.record:
            raise BundleError(f"{self.path} was replaced")


def target(bundle: Bundle) -> Target:
    """Return what an optimised form of ``bundle`` has to be made for to be used here."""
    return Target(
        bundle=bundle.fingerprint, library_version=onnxruntime().__version__, instruction_sets=instruction_sets()
    )


def place(bundle: Bundle) -> Path | None:
    """Return where the optimised form of ``bundle`` lies, or would lie, in the machine's cache; None: nowhere."""
    return cache.place(KIND, target(bundle).key)


def find(bundle: Bundle) -> Form | None:
    """Return the optimised form of ``bundle`` for this machine: its own before the cache's; None: there is none."""
    wanted = target(bundle)
    for path in (bundle.file(wanted.folder), cache.place(KIND, wanted.key)):
        if path is None or not path.is_dir():
            continue
        try:
            found = read_form(bundle, path)
            if found.build.target != wanted:
                raise BundleError(f"{path} was made for something else")
            cache.touch(path)
            return found
        except BundleError as error:
            discard(bundle, path, error)
        except OSError as error:  # not damaged: it cannot be read just now, or by this user
            log.warning("%s is not used: %s", path, error)
    return None


def read_form(bundle: Bundle, path: Path) -> Form:
    """Read what lies at ``path`` as an optimised form of ``bundle``, whatever it was made for.

    Raises:
        BundleError: it is damaged, or no optimised form of this bundle.
    """
    record = read_record(path)
    build = decode_optimised(record, where=path)
    if build.crc32.keys() != build.files.keys():
        raise BundleError(f"{path} has files without a sum")
    manifest = msgspec.structs.replace(bundle.manifest, segments=build.segments, files=build.files)
    check_manifest(manifest, where=path)
    check_files(path, manifest)
    return Form(path=path, record=record, build=build, bundle=replace(bundle, path=path, manifest=manifest))


def discard(bundle: Bundle, path: Path, damage: BundleError, *, record: bytes | None = None) -> None:
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
            if mine and (record is None or read_record(path) == record):
                cache.discard(path)
    except (BundleError, OSError):  # gone already, or it cannot be written: then whoever can will do it
        return


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
