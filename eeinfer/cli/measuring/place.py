"""Where reports go, found out before anything is measured."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import say
from eeinfer.files import check_folder

Force = Annotated[bool, typer.Option("--force", help="Replace a report that exists. Without it: the next number.")]


def report_folder(bundle: Path, out: Path | None, stem: str = "report", *, force: bool = False) -> Path:
    """Return ``out``, or a folder named after the bundle, after looking whether it can be written to.

    A folder that holds such a report already is left alone, and the next free number is added to its name.

    Raises:
        BundleError: the bundle is missing or damaged.
        InputError: the folder cannot be written to.
    """
    from eeinfer.bench import default_folder
    from eeinfer.bundle.folder import Bundle

    wanted = out or default_folder(Bundle.open(bundle, verify=False).manifest.name)
    return kept_apart(wanted, stem, force=force)


def kept_apart(wanted: Path, stem: str, *, force: bool) -> Path:
    """Return the folder, or one with a number where it holds STEM.json already.

    Raises:
        InputError: the folder cannot be written to.
    """
    folder = next(place for place in _numbered(wanted) if force or not (place / f"{stem}.json").exists())
    if folder != wanted:
        say(f"{wanted} holds a report already, which stays: this one goes to {folder} (--force replaces it)")
    check_folder(folder, "the report")
    return folder


def _numbered(folder: Path) -> Iterator[Path]:
    yield folder
    for number in count(2):
        yield folder.with_name(f"{folder.name}-{number}")
