"""Parts of a user's own: a backbone, method or data set in a file that the user names, or declared by a package.

Code is run from files that a config names, and a config is a user's. A checkpoint keeps the name of the file and its
hash in a form that is never run (`eeinfer.training.parts.kept`).
"""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from eeinfer.errors import ConfigError, DataError, EeinferError, first_line, unknown
from eeinfer.machine.packages import declared, find_declared, load_declared
from eeinfer.training.parts.files import in_file, kept_in_file, load_part

GROUPS = {"backbone": "eeinfer.backbones", "method": "eeinfer.methods", "data": "eeinfer.datasets"}
NOUNS = {"backbone": "backbone", "method": "method", "data": "data set"}


def own_part(kind: str, name: str, built_in: Collection[str]) -> Any:
    """Return the object that `name` means if it is a user's own, else None.

    Args:
        kind: a key of GROUPS.
        name: ``FILE.py:NAME``, or a name that an installed package declares.
        built_in: the names of eeinfer's own.

    Raises:
        ConfigError: the file or package cannot be loaded; the name is built in too; or it is kept in a checkpoint,
            and the file is not at hand.
    """
    place = in_file(name)
    if place is not None:
        return load_part(NOUNS[kind], place)
    kept = kept_in_file(name)
    if kept is not None:
        raise ConfigError(f"the {NOUNS[kind]} {kept.name} is in the file {kept.file}, which is not given")
    if name.endswith(".py"):
        raise ConfigError(f"the {NOUNS[kind]} {name!r} names a file and nothing in it: give {name}:NAME")
    point = find_declared(GROUPS[kind], name, built_in)
    return None if point is None else load_declared(point)


def unknown_part(kind: str, name: str, built_in: Collection[str]) -> str:
    """Return the sentence for a name that means nothing."""
    names = [*built_in, *(entry for entry in declared(GROUPS[kind]) if entry not in built_in)]
    return unknown(NOUNS[kind], name, names, f"or FILE.py:NAME for a {NOUNS[kind]} of your own")


@contextlib.contextmanager
def running(kind: str, name: str) -> Iterator[None]:
    """Turn what a user's own code raises into a sentence; the traceback is one `--debug` away.

    Raises:
        ConfigError, or DataError for a data set.
    """
    try:
        yield
    except EeinferError:
        raise
    except Exception as error:
        kinds = DataError if kind == "data" else ConfigError
        raise kinds(
            f"the {NOUNS[kind]} {name} fails when it is made ({type(error).__name__}: {first_line(error)}): "
            "mend it; --debug shows where"
        ) from error
