"""How an unknown name is answered: with the known ones, or the closest where there are thousands."""

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 60  # more names than this do not help a reader


def unknown(kind: str, name: object, known: Iterable[str], hint: str = "") -> str:
    """Return the sentence for `name`, which is not one of `known`."""
    names = list(known)
    near = get_close_matches(str(name), names, n=5, cutoff=0.5)
    if len(names) <= _LISTED:
        text = f"known are {', '.join(names) if names else 'none'}"
    else:
        text = f"closest of {len(names)} are {', '.join(near)}" if near else f"none of {len(names)} is close to it"
    return f"unknown {kind} {name!r}: {text}{'; ' + hint if hint else ''}"
