"""Writing a bundle: everything into a hidden folder beside the target, which then takes its place in one step."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import MANIFEST_NAME, Manifest, TensorSpec
from eeinfer.errors import ExportError
from eeinfer.export.exchange import put_in_place
from eeinfer.export.graph.cut import SegmentGraph
from eeinfer.export.graph.index import tensor_spec
from eeinfer.machine.leftovers import clean_up, working_folder

SUFFIX = ".eeb"


@contextlib.contextmanager
def new_folder(target: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `target` if the block succeeds, and vanishes if it does not.

    Raises:
        ExportError: `target` exists and `force` is off, or is something other than a bundle, or its disk is full.
    """
    _check_target(target, force=force)
    with replacing(target, hint="choose another place with --out") as folder:
        yield folder


@contextlib.contextmanager
def replacing(target: Path, *, hint: str = "look at its permissions") -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `target`, whatever that is, if the block succeeds.

    Raises:
        ExportError: the folder of `target` cannot be written; `hint` says what to do then. Or its disk is full.
    """
    with beside(target, hint=hint) as folder:
        yield folder
        old = put_in_place(folder, target)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def beside(target: Path, *, hint: str) -> Iterator[Path]:
    """Yield a hidden folder beside `target`, from which the block moves into place what it made; the rest vanishes.

    Raises:
        ExportError: the folder of `target` cannot be written; `hint` says what to do then. Or its disk is full.
    """
    with contextlib.ExitStack() as stack:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            clean_up(target)
            folder = stack.enter_context(working_folder(target))
        except OSError as error:
            raise ExportError(f"cannot write beside {target}: {error.strerror}; {hint}") from error
        try:
            yield folder
        except OSError as error:
            raise ExportError(f"cannot write {target}: {error.strerror or error}; nothing was changed") from error


def bundle_target(out: str | os.PathLike[str], *, force: bool) -> Path:
    """Return the path of a bundle to be written, ``.eeb`` added where it is missing.

    Raises:
        ExportError: the place is taken.
    """
    target = Path(out) if str(out).endswith(SUFFIX) else Path(f"{out}{SUFFIX}")
    _check_target(target, force=force)
    return target


def described(manifest: Manifest, parts: Sequence[SegmentGraph], folder: Path) -> Manifest:
    """Return the manifest of the same network cut another way, whose files lie in `folder`, uncertified."""
    segments = tuple(
        msgspec.structs.replace(
            segment,
            inputs=tuple(tensor_spec(value) for value in part.model.graph.input),
            carried=tuple(_carried(part)),
        )
        for segment, part in zip(manifest.segments, parts, strict=True)
    )
    files = {path.name: hash_file(path) for path in sorted(folder.iterdir())}
    return msgspec.structs.replace(manifest, segments=segments, files=files, certificate=None)


def _carried(part: SegmentGraph) -> Iterator[TensorSpec]:
    for value in part.model.graph.output[len(EXIT_OUTPUTS) :]:
        yield msgspec.structs.replace(tensor_spec(value), shares=part.shares.get(value.name))


def _check_target(target: Path, *, force: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not (target / MANIFEST_NAME).is_file():
        raise ExportError(f"{target} exists and is not a bundle; choose another name with --out")
    if not force:
        raise ExportError(f"{target} exists; replace it with --force or choose another name with --out")
