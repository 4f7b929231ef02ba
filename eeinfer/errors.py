"""What can go wrong, by subject. Every message names the thing, the value, what is allowed and the next command."""

from collections.abc import Iterable
from functools import partial
from typing import Any


class EeinferError(ValueError):
    """Base of every error eeinfer raises on purpose; the command line prints it as one line."""


def first_line(error: BaseException) -> str:
    """Return the first line of what another library's error says, or the name of its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class BundleError(EeinferError):
    """A bundle is missing, altered, from a newer format, or does not chain."""


class ReplacedError(BundleError):
    """A bundle was replaced or altered while it was read; the one that is there now can be opened."""


class InputError(EeinferError):
    """Images, thresholds or options of a call are not what the bundle takes."""


class ConfigError(EeinferError):
    """A setting is unknown or out of range."""


class DataError(EeinferError):
    """A data set is unknown, missing or damaged."""


class CheckpointError(EeinferError):
    """A checkpoint is missing, damaged, foreign, or holds more than weights and settings."""


class ExportError(EeinferError):
    """A model cannot be exported or cut, or the cut disagrees with the model."""


class DependencyError(EeinferError, ImportError):
    """An optional package is missing; the message names the extra that brings it."""


class OverloadError(EeinferError):
    """A server takes no further request at present: its queue is full, or it is shutting down."""

    def __init__(self, text: str, *, retry_after_s: float, closing: bool = False) -> None:
        super().__init__(text)
        self.retry_after_s, self.closing = retry_after_s, closing

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(
            type(self), retry_after_s=self.retry_after_s, closing=self.closing
        ), self.args  # between processes


class NonFiniteWarning(UserWarning):
    """A row had no finite score or held NaN or infinite pixels; its prediction is -1."""


class ExportWarning(UserWarning):
    """A model was exported otherwise than it was given, or looks as if it returned something else than logits."""


_LISTED = 60  # more names than this do not help a reader
_ALIKE = 0.6  # share of letters in common from which a name may have been meant


def unknown(kind: str, name: object, known: Iterable[str], hint: str = "") -> str:
    """Return the sentence for `name`, which is not one of `known`: with the closest, and all where they are few."""
    from difflib import get_close_matches

    names = list(known)
    if len(names) <= _LISTED:
        text = f"{did_you_mean(name, names)}known are {', '.join(names) if names else 'none'}"
    else:
        near = meant(str(name), names) or get_close_matches(str(name), names, n=5, cutoff=0.5)
        text = f"closest of {len(names)} are {', '.join(near)}" if near else f"none of {len(names)} is close to it"
    return f"unknown {kind} {name!r}: {text}{'; ' + hint if hint else ''}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return ``did you mean 'resnet20'? `` for what is close to one of `known`, else nothing: it begins a sentence."""
    near = meant(str(name), known)
    return f"did you mean {near[0]!r}? " if near else ""


def meant(name: str, known: Iterable[str]) -> list[str]:
    """Return those of `known` that a person may have meant by `name`, the closest first; capitals do not count."""
    from difflib import get_close_matches

    names: dict[str, list[str]] = {}
    for one in known:
        names.setdefault(one.lower(), []).append(one)
    near = get_close_matches(name.lower(), names, n=5, cutoff=_ALIKE)
    return [one for lower in near for one in names[lower]][:5]
