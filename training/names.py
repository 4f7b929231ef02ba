"""How an unknown name is answered: with the closest, and with the known ones where they are few."""

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 60  # more names than this do not help a reader
_ALIKE = 0.6  # share of letters in common from which a name may have been meant


def unknown(kind: str, name: object, known: Iterable[str], hint: str = "") -> str:
    """Return the sentence for `name`, which is not one of `known`."""
    names = list(known)
    near = meant(str(name), names)
    if len(names) <= _LISTED:
        text = f"known are {', '.join(names) if names else 'none'}"
        text = f"did you mean {near[0]!r}? {text}" if near else text
    else:
        near = near or get_close_matches(str(name), names, n=5, cutoff=0.5)
        text = f"closest of {len(names)} are {', '.join(near)}" if near else f"none of {len(names)} is close to it"
    return f"unknown {kind} {name!r}: {text}{'; ' + hint if hint else ''}"


def meant(name: str, known: Iterable[str]) -> list[str]:
    """Return those of `known` that a person may have meant by `name`, the closest first."""
    return get_close_matches(name, list(known), n=5, cutoff=_ALIKE)
