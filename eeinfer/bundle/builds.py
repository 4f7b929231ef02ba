"""TensorRT plans inside a bundle: segments compiled for one library, one version of it, and one kind of GPU.

The manifest knows nothing of them: build.json (eeinfer.bundle.build_record) vouches for its own folder, so plans come
and go and the bundle stays the same. TensorRT's own test of whether a plan fits a machine is to load it; so everything
that decides it is written down when it is built, and compared before it is loaded.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from eeinfer.bundle.build_record import BUILD_NAME, FOLDER, RTX, decode_build, folder_name, plan_name, platform_name
from eeinfer.bundle.build_record import Build as Build
from eeinfer.bundle.build_record import target_name as target_name
from eeinfer.bundle.contents import is_ours
from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.bundle.graph.external import external_files
from eeinfer.bundle.manifest import FileHash, Segment
from eeinfer.bundle.optimised import LIBRARY
from eeinfer.errors import BundleError


@dataclass(frozen=True, kw_only=True)
class Found:
    """A folder of plans: what its build.json says, None where it cannot be read; what is wrong with it, or None."""

    folder: str  # inside the bundle
    build: Build | None
    problem: str | None


def find_build(
    bundle: Bundle, *, library: str, library_version: str, capability: tuple[int, int], verify: bool = True
) -> Build:
    """Return the plans in ``bundle`` that a library can load on a GPU of this machine.

    Args:
        bundle: where to look.
        library: ``tensorrt`` or ``tensorrt_rtx``.
        library_version: its ``__version__``; plans load in the version that built them and in no other.
        capability: the GPU's compute capability, such as (8, 6).
        verify: also compare every plan with its SHA-256. False skips the hashes and nothing else.

    Raises:
        BundleError: there are none, or they are damaged, stale, or from another version or platform; the message ends
            with the command that builds them.
    """
    name = folder_name(library, target_name(capability))
    if not bundle.file(name).exists():
        present = ", ".join(path.name for path in _folders(bundle)) or "none"
        remedy = f"build them with: {build_command(bundle, library)}"
        raise BundleError(
            f"{bundle.path} has no {library} plans for {target_name(capability)} (it has {present}); {remedy}"
        )
    build = read_build(bundle, name)
    _check_origin(bundle, build, library_version)
    check_plans(bundle, build, verify=verify)
    return build


def builds(bundle: Bundle) -> list[Build]:
    """Return all plans in ``bundle`` whose build.json can be read, whether or not they fit this machine."""
    return [found.build for found in survey(bundle, verify=False) if found.build is not None]


def survey(bundle: Bundle, *, verify: bool = True) -> list[Found]:
    """Look at every folder of plans in ``bundle``, sound or not; ``verify`` also compares each with its SHA-256."""
    return [_found(bundle, path.relative_to(bundle.path).as_posix(), verify=verify) for path in _folders(bundle)]


def read_build(bundle: Bundle, folder: str) -> Build:
    """Read the build.json in ``folder`` of ``bundle``.

    Raises:
        BundleError: it is missing, truncated, of a newer format, or speaks of another folder or other segments.
    """
    where = bundle.file(folder) / BUILD_NAME
    library, _, target = folder.removeprefix(f"{FOLDER}/").rpartition("-")
    remedy = f"build the plans again with: {build_command(bundle, library, target=target, force=True)}"
    if not _is_inside(bundle, where):
        raise BundleError(f"{where} is missing, so nothing vouches for the plans beside it; {remedy}")
    build = decode_build(where.read_bytes(), where=where, remedy=remedy)
    if build.folder != folder:
        raise BundleError(f"{where} speaks of {build.folder}, not of the folder it lies in; {remedy}")
    expected = [plan_name(segment) for segment in bundle.manifest.segments]
    if [plan.file for plan in build.plans] != expected:
        raise BundleError(f"{where} does not list {', '.join(expected)}, one plan per segment; {remedy}")
    return build


def check_plans(bundle: Bundle, build: Build, *, verify: bool) -> None:
    """Refuse plans that are not what build.json vouches for, or not of the segments that the bundle has now.

    Raises:
        BundleError: a plan is missing, altered or stale.
    """
    remedy = f"build the plans again with: {build_command(bundle, build.library, target=build.target, force=True)}"
    for segment, plan in zip(bundle.manifest.segments, build.plans, strict=True):
        path = bundle.file(build.folder) / plan.file
        if not _is_inside(bundle, path):
            raise BundleError(f"{path} is missing; {remedy}")
        size = path.stat().st_size
        if size != plan.bytes:
            raise BundleError(f"{path} has {size} bytes, {BUILD_NAME} says {plan.bytes}; {remedy}")
        if verify and hash_file(path) != FileHash(sha256=plan.sha256, bytes=plan.bytes):
            raise BundleError(f"{path} was altered, its SHA-256 is not the one in {BUILD_NAME}; {remedy}")
        if plan.onnx_sha256 != source_sha256(bundle, segment):
            raise BundleError(f"{path} is stale: {segment.file} or its weights changed since it was built; {remedy}")


def source_sha256(bundle: Bundle, segment: Segment) -> str:
    """Return one SHA-256 for all that a plan of ``segment`` is built from: the manifest's, of its graph and weights."""
    path = bundle.file(segment.file)
    names = [segment.file, *sorted(external_files(path.read_bytes(), where=path))]
    return hashlib.sha256("\n".join(bundle.manifest.files[name].sha256 for name in names).encode()).hexdigest()


def build_command(bundle: Bundle, library: str, *, target: str = "current", force: bool = False) -> str:
    """Return the command that builds these plans; TensorRT builds for the GPU it finds and for no other."""
    choice = f"--target {target} --trt-library {RTX}" if library == RTX else "--target current"
    return f"eeinfer export {bundle.path} --trt {choice}{' --force' if force else ''}"


def _check_origin(bundle: Bundle, build: Build, library_version: str) -> None:
    where = bundle.file(build.folder)
    remedy = f"build the plans again with: {build_command(bundle, build.library, force=True)}"
    if build.library_version != library_version:
        raise BundleError(
            f"{where} was built by {build.library} {build.library_version}, here {library_version} is installed; "
            f"{remedy}"
        )
    here, there = platform_name(), build.platform
    if build.library == RTX:  # its plans go from Linux to Windows and back
        here, there = (name.partition("_")[2] for name in (here, there))
    if here != there:
        raise BundleError(f"{where} was built for {build.platform}, this is {platform_name()}; {remedy}")


def _folders(bundle: Bundle) -> list[Path]:
    engines = bundle.file(FOLDER)
    if not engines.is_dir():
        return []
    others = ".", f"{LIBRARY}-"
    return sorted(path for path in engines.iterdir() if path.is_dir() and not path.name.startswith(others))


def _is_inside(bundle: Bundle, path: Path) -> bool:
    """Whether there is a file at ``path``, and not by way of a link that leaves the bundle."""
    return path.is_file() and is_ours(bundle.path, path)


def _found(bundle: Bundle, folder: str, *, verify: bool) -> Found:
    build = None
    try:
        build = read_build(bundle, folder)
        check_plans(bundle, build, verify=verify)
    except BundleError as error:
        return Found(folder=folder, build=build, problem=str(error))
    return Found(folder=folder, build=build, problem=None)
