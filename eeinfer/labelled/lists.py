"""Lists of images: a CSV file with a column of paths and, where they are known, one of labels."""

import csv
from pathlib import Path

from eeinfer.errors import DataError
from eeinfer.labelled.photos import Photos

PATHS = ("path", "image", "file", "filename")
LABELS = ("label", "class", "category")
_DELIMITERS = ",;\t"
_EXAMPLE = "its first line names the columns, path,label, and each further line an image, cat/1.jpg,cat"


def photos_listed(file: Path) -> Photos:
    """Return the images of a list; their paths are relative to the folder that it lies in.

    Raises:
        DataError: the file is missing, no such list, or names an image that is not there.
    """
    rows = _rows(file)
    column = _column(rows[0], PATHS)
    if column is None:
        raise DataError(f"{file} has the columns {', '.join(rows[0])} and none called {' or '.join(PATHS)}; {_EXAMPLE}")
    label = _column(rows[0], LABELS)
    paths, names = [], []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            raise DataError(f"{file} line {number} has {len(row)} cells, not {len(rows[0])}; {_EXAMPLE}")
        path = file.parent / row[column].strip()
        if not path.is_file():
            raise DataError(f"{file} line {number}: no image {path}; paths are relative to the folder of the list")
        paths.append(path)
        names.append("" if label is None else row[label].strip())
    if "" in names and label is not None:
        raise DataError(f"{file} line {names.index('') + 2} has no label; give one, or leave the whole column out")
    return Photos(place=file, paths=tuple(paths), names=None if label is None else tuple(names))


def _rows(file: Path) -> list[list[str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"no file {file}; {_EXAMPLE}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8 ({error.reason}); save the list as CSV in UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(map(str.strip, row))]
    except csv.Error as error:
        raise DataError(f"{file} is no CSV file ({error}); {_EXAMPLE}") from None
    if len(rows) < 2:
        raise DataError(f"{file} lists no image; {_EXAMPLE}")
    return rows


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    known = [name.strip().lower() for name in header]
    return next((known.index(name) for name in names if name in known), None)
