"""Which bundle a command means when none is named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.cli.app import say
from eeinfer.errors import BundleError

BundleArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="BUNDLE",
        help="A .eeb folder. Without it: the newest one below the current folder, or the one that eeinfer ships.",
        show_default=False,
    ),
]

_DEPTH = 5  # folders below the current one; a search must not turn into a walk through a home folder


def chosen_bundle(path: Path | None, *, for_images: bool = False) -> Path:
    """Return ``path``, or the newest bundle below the current folder, or the shipped one, and say which.

    Where the command is ``for_images``, a bundle that reads something else is not taken unasked.
    """
    if path is not None:
        return path
    from eeinfer import samples

    home = Path(samples.__file__).resolve().parent  # in a checkout the shipped bundle lies below the current folder
    found = [bundle for bundle in _bundles_below(Path.cwd()) if not bundle.resolve().is_relative_to(home)]
    if for_images:
        found = [bundle for bundle in found if _may_read_images(bundle)]
    if not found:
        shipped = samples.bundle_path()
        say("no bundle below this folder: using the one shipped with eeinfer (Fashion-MNIST)")
        return shipped
    newest = max(found, key=lambda bundle: (bundle / MANIFEST_NAME).stat().st_mtime)
    say(f"using {newest.relative_to(Path.cwd())}, the newest bundle below this folder")
    return newest


def _may_read_images(bundle: Path) -> bool:
    from eeinfer.bundle.folder import Bundle

    try:
        inputs = Bundle.open(bundle, verify=False).manifest.inputs
    except BundleError:  # what is wrong with it is said when it is loaded
        return True
    return len(inputs) == 1 and inputs[0].preprocess is not None


def _bundles_below(top: Path) -> Iterator[Path]:
    """Every complete .eeb folder; hidden folders are left out, and with them environments and unfinished exports."""
    for folder, names, _ in os.walk(top):
        here = Path(folder)
        depth = len(here.relative_to(top).parts)
        bundles = [name for name in names if name.endswith(".eeb") and not name.startswith(".")]
        yield from (here / name for name in bundles if (here / name / MANIFEST_NAME).is_file())
        skipped = {*bundles, "site-packages", "node_modules"}
        names[:] = [name for name in names if depth < _DEPTH and name not in skipped and not name.startswith(".")]
