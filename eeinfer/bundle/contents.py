"""Whether the files in a bundle's folder are those that the manifest vouches for, and read nothing else.

And whether the bundle was replaced while they were read: what the system says about its files before and after.
"""

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path

from eeinfer.bundle.build_record import FOLDER as ENGINES
from eeinfer.bundle.graph.external import STANDARD, Reference, declared, references
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import MANIFEST_NAME, MODEL_NAME, FileHash, Manifest, TensorSpec
from eeinfer.errors import BundleError
from eeinfer.files import meant_path, read_small

Stamp = tuple[tuple[int, int, int], ...]

_PHOTOS, _FIRST = (".jpg", ".jpeg", ".png"), 1000
MOST_MANIFEST_BYTES = 16 << 20
MOST_GRAPH_BYTES = 256 << 20  # its weights lie elsewhere


def read_manifest(folder: Path) -> bytes:
    """Return the bytes of the manifest in ``folder``.

    Raises:
        BundleError: there is no such folder, or it holds no manifest of its own that is a file of moderate size.
    """
    path = folder / MANIFEST_NAME
    try:
        _check_place(folder, path)
        return read_small(path, MOST_MANIFEST_BYTES)
    except OSError as error:  # it may also lie where this user may not look
        raise BundleError(f"{path} cannot be read: {error.strerror or error}; copy the bundle again") from error


def _check_place(folder: Path, manifest: Path) -> None:
    if not folder.exists():
        make = f"make one with: eeinfer export checkpoint.pt --out {folder}"
        raise BundleError(f"no bundle at {folder}{meant_path(folder)}; {make}")
    if folder.is_file() and folder.suffix == ".pt":
        raise BundleError(f"{folder} is a checkpoint, and no bundle yet; make one of it with: eeinfer export {folder}")
    if not folder.is_dir():
        raise BundleError(f"{folder} is a file; a bundle is the folder that eeinfer export writes")
    if not manifest.is_file():
        if (checkpoint := folder / "checkpoint.pt").is_file():
            raise BundleError(f"{folder} is a run, and no bundle yet; make one of it with: eeinfer export {checkpoint}")
        if _holds_photos(folder):
            raise BundleError(f"{folder} holds images and is no bundle; images are named behind it: --data {folder}")
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST_NAME}; give the folder that export wrote")
    _check_links(folder, [MANIFEST_NAME])


def _holds_photos(folder: Path) -> bool:
    """Whether images lie in it or below; only the first few files are looked at."""
    with contextlib.suppress(OSError):
        return any(path.suffix.lower() in _PHOTOS for path in islice(folder.rglob("*"), _FIRST))
    return False


def check_files(folder: Path, manifest: Manifest, *, domains: Collection[str] | None = STANDARD) -> None:
    """Refuse a folder without the files that the manifest vouches for, of their sizes, or whose segments reach out.

    The one graph with every exit is looked at when it is asked for: where it is damaged, the segments run nevertheless.

    Args:
        folder: where the files lie.
        manifest: what vouches for them.
        domains: of the operators that the segments may have; None where the segments need no look: nobody but this user
            can have written them, or ``check_graphs`` follows.

    Raises:
        BundleError: a file that is missing, of another size or not vouched for, a
            segment that ``check_graph`` refuses.
    """
    _check_links(folder, manifest.files)
    needed = MODEL_NAME, *(segment.file for segment in manifest.segments)
    for name in (*manifest.files, *(name for name in needed if name not in manifest.files)):
        if name not in manifest.files:
            raise BundleError(f"{folder}: the manifest has no hash for {name}; export it again")
        check_size(folder, name, manifest.files[name])
    if domains is not None:
        check_graphs(folder, manifest, domains=domains)


def check_graphs(folder: Path, manifest: Manifest, *, domains: Collection[str] = STANDARD) -> None:
    """Refuse segments that ``check_graph`` refuses, each file once.

    Raises:
        BundleError: naming the first.
    """
    segments = {segment.file: segment for segment in reversed(manifest.segments)}
    for name, segment in reversed(segments.items()):
        specs = (*segment.inputs, *exit_specs(len(manifest.classes)), *segment.carried)
        check_graph(folder, name, manifest.files, specs, domains=domains)


def check_nothing_else(folder: Path, manifest: Manifest) -> None:
    """Refuse files that the manifest does not list; builds and hidden files, which nobody reads, are none of them.

    Raises:
        BundleError: there is another file or folder.
    """
    known = {MANIFEST_NAME, ENGINES, *manifest.files}
    for path in folder.iterdir():
        if path.name not in known and not path.name.startswith("."):
            raise BundleError(f"{folder}: {path.name} is not listed in the manifest; move it out of the bundle")


def check_graph(
    folder: Path,
    name: str,
    files: Mapping[str, FileHash],
    specs: Collection[TensorSpec] = (),
    *,
    domains: Collection[str] = STANDARD,
) -> None:
    """Refuse a graph that reads anything but the weights that the manifest lists, or does what no bundle's graph does.

    Raises:
        BundleError: as ``references``, or it reads from a file that is not listed, or beyond its end, or says of one of
            the tensors ``specs`` that it has another shape, which kills some versions of ONNX Runtime.
    """
    path = folder / name
    try:
        data = read_small(path, MOST_GRAPH_BYTES)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}; copy the bundle again") from error
    for reference in references(data, where=path, domains=domains):
        if problem := _reference_problem(reference, files):
            raise BundleError(f"{folder}: {name} reads weights from {reference.location!r}, {problem}")
    _check_shapes(folder, name, declared(data, where=path), specs)


def _check_shapes(
    folder: Path, name: str, found: list[tuple[bytes, list[int | None]]], specs: Collection[TensorSpec]
) -> None:
    shapes = {spec.name.encode(): (None, *spec.shape) for spec in specs}
    for tensor, sizes in found:
        wanted = shapes.get(tensor)
        if wanted is None:
            continue
        fits = len(sizes) == len(wanted) and all(size in (None, want) for size, want in zip(sizes, wanted, strict=True))
        if not fits:
            raise BundleError(
                f"{folder}: {name} has the tensor {tensor.decode()!r} in another shape than the manifest; "
                "export it again"
            )


def check_size(folder: Path, name: str, expected: FileHash) -> None:
    """Refuse a file that is missing, no plain file or of another size.

    Raises:
        BundleError: saying which.
    """
    try:
        found = (folder / name).stat()
    except OSError:
        found = None
    if found is None or not stat.S_ISREG(found.st_mode):
        raise BundleError(f"{folder}: {name} is missing; copy the bundle again or export it again")
    if found.st_size != expected.bytes:
        raise BundleError(
            f"{folder}: {name} has {found.st_size} bytes, the manifest says {expected.bytes}; copy it again"
        )


def _reference_problem(reference: Reference, files: Mapping[str, FileHash]) -> str | None:
    if reference.location not in files:
        return "which the manifest does not list"
    size = files[reference.location].bytes
    if reference.length is None or reference.offset + reference.length > size:
        return f"but does not say which of its {size} bytes, or says others"
    return None


def is_ours(folder: Path, file: Path) -> bool:
    """Whether ``file`` ends, by whatever links, inside ``folder``, or among the files of the hub's cache it lies in.

    Such a cache is ``models--NAME/{blobs/HASH, snapshots/REVISION/...}``, the snapshot's files being links into blobs.
    """
    real, home = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    return real.is_relative_to(home) or real.parent == _blobs(home)


def _blobs(folder: Path) -> Path | None:
    for parent in folder.parents:
        if parent.name == "snapshots" and parent.parent.name.startswith("models--"):
            return parent.parent / "blobs"
    return None


def _check_links(folder: Path, names: Collection[str]) -> None:
    """Refuse links that leave the bundle; into a hub's cache all files lead or none.

    ONNX Runtime reads weights from the folder of the graph alone, links followed for both.
    """
    leaving = [name for name in names if (folder / name).is_symlink() and not _is_inside(folder, name)]
    refused = [name for name in leaving if not is_ours(folder, folder / name)]
    if not refused and len(leaving) < len(names):
        refused = leaving
    if refused:
        raise BundleError(
            f"{folder}: {refused[0]} is a link that leaves the bundle; copy the files with: cp -rL {folder} copy.eeb"
        )


def _is_inside(folder: Path, name: str) -> bool:
    return Path(os.path.realpath(folder / name)).is_relative_to(os.path.realpath(folder))


def stamp(folder: Path, names: Iterable[str]) -> Stamp:
    """Return what changes when ``folder`` is replaced, or a file in it is written, moved there or given another mode.

    A name that is missing counts as that. Where the stamps before and after reading are equal, all that was read is of
    one bundle: also a folder that was put away and came back has another time of change.
    """
    return tuple(_facts(path) for path in (str(folder), *(f"{folder}/{name}" for name in names)))


def _facts(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each file costs as much as asking
    except OSError:
        return (-1, -1, -1)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
