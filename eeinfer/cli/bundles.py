"""Which bundle a command means when none is named."""

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
        help="A .eeb folder. Without it: the newest one in this folder and its runs, or the one that eeinfer ships.",
        show_default=False,
    ),
]

_PLACES = ("*.eeb", "runs/*.eeb", "runs/*/*.eeb")  # runs/NAME is where train writes, and export beside it


def chosen_bundle(path: Path | None, *, for_images: bool = False) -> Path:
    """Return ``path``, or the newest bundle in the current folder and its runs, or the shipped one, and say which.

    Where the command is ``for_images``, a bundle that reads something else is not taken unasked.
    """
    if path is not None:
        return path
    for bundle in _newest_first(Path.cwd()):
        if not for_images or _may_read_images(bundle):
            say(f"using {bundle.relative_to(Path.cwd())}, the newest bundle in this folder and its runs")
            return bundle
    from eeinfer import samples

    shipped = samples.bundle_path()
    say("no bundle in this folder or its runs: using the one shipped with eeinfer (Fashion-MNIST)")
    return shipped


def _may_read_images(bundle: Path) -> bool:
    from eeinfer.bundle.folder import Bundle

    try:
        inputs = Bundle.open(bundle, verify=False).manifest.inputs
    except BundleError:  # what is wrong with it is said when it is loaded
        return True
    return len(inputs) == 1 and inputs[0].preprocess is not None


def _newest_first(top: Path) -> list[Path]:
    """Every .eeb folder with a manifest in ``top`` and ``top/runs``; hidden ones are exports that are not finished."""
    found = {path: _made(path) for place in _PLACES for path in top.glob(place)}
    named = [path for path, made in found.items() if made and not path.name.startswith(".")]
    return sorted(named, key=lambda path: (found[path], path), reverse=True)


def _made(bundle: Path) -> float:
    """When its manifest was written; 0 where there is none."""
    try:
        return (bundle / MANIFEST_NAME).stat().st_mtime
    except OSError:  # no folder, no manifest, or gone meanwhile
        return 0.0
