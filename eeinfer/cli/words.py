"""What is wrong with the words of a command line before any option is read: spaces where a shell sees several words."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

_SET = "--set"
_MOST_WORDS = 6  # of a path with spaces in it


def advice(words: Sequence[str]) -> str | None:
    """Return what to write instead where a space has divided one word into several, else None."""
    return _divided_setting(words) or _divided_path(words)


def _divided_setting(words: Sequence[str]) -> str | None:
    """``--set phase1.lr = 0.05`` and its kin."""
    for place, word in enumerate(words):
        name, *rest = words[place + 1 : place + 4] if word == _SET else ("",)
        joined = "".join([name, *rest])
        if not re.match(r"[\w.]+=", joined):
            continue
        if rest[:1] == ["="] and len(rest) == 2:
            return f"{_SET} {' '.join([name, *rest])!r} has spaces around the =: write {_SET} {shlex.quote(joined)}"
        if rest and (rest[0].startswith("=") or name.endswith("=")):
            two = f"{name}{rest[0]}"
            return f"{_SET} {f'{name} {rest[0]}'!r} has a space beside the =: write {_SET} {shlex.quote(two)}"
    return None


def _divided_path(words: Sequence[str]) -> str | None:
    """Several words in a row that are no files, and that are one with spaces between them."""
    for first in range(len(words)):
        for last in range(first + 2, min(first + _MOST_WORDS, len(words)) + 1):
            parts = words[first:last]
            path = " ".join(parts)
            if not any(map(_exists, parts)) and _exists(path):
                return f"the shell took {path!r} for {len(parts)} words: write {shlex.quote(path)}"
    return None


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False
