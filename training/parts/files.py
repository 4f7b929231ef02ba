"""Python files that a user names: read once, hashed, run once."""

import functools
import hashlib
import re
import sys
import types
from pathlib import Path
from typing import Any, NamedTuple

from eeinfer.errors import ConfigError, first_line
from eeinfer.files import unreadable

_NAME = r"[^\W\d]\w*"
_IN_FILE = re.compile(rf"(?P<file>.+\.py):(?P<name>{_NAME})", re.DOTALL)
_KEPT = re.compile(rf"(?P<file>[^/\\]+\.py)@[0-9a-f]+:(?P<name>{_NAME})")
_DIGITS = 12  # of the hash in a kept name; the whole of it stands beside


class InFile(NamedTuple):
    """Something with a name in a Python file."""

    file: str
    name: str


def in_file(name: str) -> InFile | None:
    """Read ``FILE.py:NAME``; None where `name` has another form."""
    found = _IN_FILE.fullmatch(name)
    return None if found is None else InFile(found["file"], found["name"])


def kept_in_file(name: str) -> InFile | None:
    """Read ``FILE.py@HASH:NAME``, as checkpoints keep it; None where `name` has another form."""
    found = _KEPT.fullmatch(name)
    return None if found is None else InFile(found["file"], found["name"])


def kept_name(place: InFile) -> str:
    """Return the name under which a checkpoint keeps a part of a file: the folder is left out, a hash is put in."""
    return f"{Path(place.file).name}@{hash_of(place.file)[:_DIGITS]}:{place.name}"


def hash_of(file: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        ConfigError: it cannot be read.
    """
    return hashlib.sha256(_read(Path(file))).hexdigest()


def load_part(noun: str, place: InFile) -> Any:
    """Run a file, unless this process has done so, and return what has the name in it.

    Raises:
        ConfigError: no such file or name, or the file cannot be run.
    """
    path = Path(place.file)
    module = _run(path.resolve(), _read(path))
    if not hasattr(module, place.name):
        own = [
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
        ]
        there = f"it defines {', '.join(own)}" if own else "it defines no class and no function"
        raise ConfigError(f"{place.file} has no {noun} {place.name!r}: {there}")
    return getattr(module, place.name)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the file {path} {unreadable(path, error)}: give the path of a file of Python") from error


@functools.cache
def _run(path: Path, source: bytes) -> types.ModuleType:
    """Run the source of a file as a module of its own, which shadows no other; its folder is not searched for more."""
    module = types.ModuleType(f"eeinfer_own_{path.stem}_{hashlib.sha256(source).hexdigest()[:_DIGITS]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickle look there
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        sys.modules.pop(module.__name__)
        raise ConfigError(f"{path.name} has a syntax error in line {error.lineno}: {error.msg}; mend it") from error
    except (Exception, SystemExit) as error:
        sys.modules.pop(module.__name__)
        raise ConfigError(
            f"{path.name} fails when it is run ({type(error).__name__}: {first_line(error)}): mend it, it has to be a "
            "whole part in one file; --debug shows where"
        ) from error
    return module
