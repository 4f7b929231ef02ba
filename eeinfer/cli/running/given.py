"""What the arguments of ``eeinfer predict`` name: image files, folders, patterns, stdin, and perhaps a bundle."""

import glob
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from eeinfer.arrays import SUFFIXES, images_below
from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.errors import InputError

STDIN = "-"
_ENDING = ".eeb"
_PATTERN = "*?["


def split_bundle(arguments: Sequence[str], option: Path | None) -> tuple[Path | None, list[str]]:
    """Divide the arguments in the bundle, which may stand among the images, and the rest.

    Raises:
        InputError: two bundles, or no image.
    """
    bundles = [argument for argument in arguments if _is_bundle(argument)]
    rest = [argument for argument in arguments if argument not in bundles]
    named = [*([str(option)] if option else []), *bundles]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)} are bundles, and one answers at a time; run the command once for each")
    if not rest:
        raise InputError("no image: give files, folders, patterns such as 'photos/*.jpg', or - for stdin")
    return (Path(named[0]) if named else None), rest


def sources(arguments: Sequence[str]) -> list[Path | bytes]:
    """Return the image files that are meant, in order; the content of stdin where that is an image.

    Raises:
        InputError: an address on the net, a folder without images, a pattern that fits nothing, or an empty stdin.
    """
    return [found for argument in arguments for found in _meant(argument)]


def _meant(argument: str) -> Iterator[Path | bytes]:
    path = Path(argument)
    if "://" in argument:
        raise InputError(f"{argument} is an address, and nothing is downloaded; save the image and give the file")
    if argument == STDIN:
        yield from _stdin()
    elif path.is_dir():
        images = images_below(path)
        if not images:
            raise InputError(f"{path} is a folder without images; those that count end in {', '.join(SUFFIXES)}")
        yield from images
    elif not path.exists() and any(sign in argument for sign in _PATTERN):
        images = [Path(found) for found in sorted(glob.glob(argument, recursive=True))]  # noqa: PTH207 - absolute too
        if not images:
            raise InputError(f"no file fits the pattern {argument!r}; look with: ls {argument}")
        yield from images
    else:
        yield path


def _stdin() -> Iterator[Path | bytes]:
    """One image as bytes, or paths of images, one a line."""
    content = sys.stdin.buffer.read()
    if not content.strip():
        raise InputError("stdin is empty; pipe an image or paths into it, as in: ls *.png | eeinfer predict -")
    if _is_image(content):
        yield content
        return
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise InputError("stdin holds neither an image that Pillow can read nor paths, one a line") from None
    yield from (Path(line) for line in lines if line.strip())


def _is_image(content: bytes) -> bool:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)):
            return True
    except Exception:  # text, or damaged: Pillow has errors of many kinds
        return False


def _is_bundle(argument: str) -> bool:
    path = Path(argument)
    return path.suffix == _ENDING or (path / MANIFEST_NAME).is_file()
