"""What is wrong with the words of a command line: spaces that divide what is one, and words where numbers belong."""

import inspect
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

_SET = "--set"
_MOST_WORDS = 6  # of a path with spaces in it
_NUMBERS = ((int, "whole numbers"), (float, "numbers"))


def advice(words: Sequence[str]) -> str | None:
    """Return what to write instead where a space has divided one word into several, else None."""
    return _divided_setting(words) or _divided_path(words)


def no_number(body: Callable[..., Any], name: str, words: Sequence[str]) -> str | None:
    """Return what an option of numbers was given and what it takes, else None; ``name`` is its argument of ``body``."""
    argument = inspect.signature(body).parameters.get(name)
    kind, *told = get_args(argument and argument.annotation) or (None,)
    allowed = next((text for number, text in _NUMBERS if number in (kind, *get_args(kind))), None)
    option = next((name for option in told for name in option.param_decls or ()), f"--{name.replace('_', '-')}")
    value = _last_value(option, words)
    if allowed is None or value is None:
        return None
    low = next((option.min for option in told if option.min is not None), None)
    return f"{option} is {value!r}; allowed are {allowed}{'' if low is None else f' from {low}'}"


def _last_value(option: str, words: Sequence[str]) -> str | None:
    """Return what follows the last mention of ``option``: the next word, or what stands behind an equals sign."""
    for place in reversed(range(len(words))):
        if words[place] == option and place + 1 < len(words):
            return words[place + 1]
        if words[place].startswith(f"{option}="):
            return words[place].partition("=")[2]
    return None


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
