"""Giving a bundle thresholds and the certificate of what they promise: itself, or a copy of it."""

import os
import shutil
from pathlib import Path

import msgspec

from eeinfer.bundle.build_record import FOLDER
from eeinfer.bundle.certificate import Certificate
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import ExportError
from eeinfer.export.write import bundle_target, new_folder
from eeinfer.files import check_folder
from eeinfer.samples import bundle_path


def check_place(bundle: Path, out: Path | None, *, force: bool) -> None:
    """Refuse a place that the certificate cannot be written to, before hours of work.

    Raises:
        ExportError: the bundle is the shipped one or lies in a hub's cache, and no other place is named; or that is
            taken.
        InputError: the folder cannot be written to.
    """
    if out is not None:
        check_folder(bundle_target(out, force=force).parent, "the bundle")
        return
    if bundle.resolve() == bundle_path().resolve():
        raise ExportError(f"{bundle} is shipped with eeinfer and stays as it is; name a place for a copy with --out")
    if (bundle / MANIFEST_NAME).is_symlink():
        raise ExportError(f"{bundle} is made of links, as a hub keeps it; name a place for a copy with --out")
    check_folder(bundle, "the certificate")


def store(bundle: Path, certificate: Certificate, out: Path | None = None, *, force: bool = False) -> Path:
    """Write the certificate and its thresholds into a bundle, or into a copy of it; return the path of that bundle.

    Args:
        bundle: the .eeb folder.
        certificate: of this very bundle.
        out: the copy; None changes the bundle itself, whose manifest is replaced in one step.
        force: replace what lies at ``out``.

    Raises:
        ExportError: as `check_place`, or the bundle was replaced meanwhile.
    """
    check_place(bundle, out, force=force)
    opened = Bundle.open(bundle)
    manifest = msgspec.structs.replace(opened.manifest, taus=certificate.taus, certificate=certificate)
    if out is None:
        opened.check_unchanged()
        write_manifest(opened.path, manifest)
        return opened.path
    target = bundle_target(out, force=force)
    with new_folder(target, force=force) as folder:
        for name in opened.manifest.files:
            shutil.copyfile(opened.file(name), folder / name)
        if opened.file(FOLDER).is_dir():
            shutil.copytree(opened.file(FOLDER), folder / FOLDER, ignore=_hidden)
        opened.check_unchanged()
        write_manifest(folder, manifest)
    return target


def _hidden(_: str | os.PathLike[str], names: list[str]) -> list[str]:
    """Builds that are being made, and optimised forms: those are of the bundle as it was, key and all."""
    return [name for name in names if name.startswith((".", "onnxruntime-"))]
