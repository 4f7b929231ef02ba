"""What forward may change of a model beside its weights: attributes, what they contain, tensors that are no buffers.

Looked through are modules, also those that nothing registers, lists, tuples, mappings, sets, data classes and
namespaces, in one another; other objects and closures are none of the model's state.
"""

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from torch import Tensor, nn

Undo = Callable[[], None]


def remember(module: nn.Module, undo: contextlib.ExitStack) -> list[Tensor]:
    """Let `undo` put everything back that forward changes in place or binds anew, and return all tensors.

    What a tensor holds is not remembered: its values are for the caller to copy.
    """
    tensors = []
    for value in _reachable(module):
        if isinstance(value, Tensor):
            tensors.append(value)
        elif (back := _undo(value)) is not None:
            undo.callback(back)
    return tensors


def _reachable(module: nn.Module) -> Iterator[Any]:
    """Yield every part of the state once; all are held on to meanwhile, so that no two have one id."""
    seen: dict[int, Any] = {}
    waiting: list[Any] = [module]
    while waiting:
        value = waiting.pop()
        parts = _parts(value)
        if parts is not None and id(value) not in seen:
            seen[id(value)] = value
            waiting.extend(parts)
            yield value


def _parts(value: Any) -> Iterable[Any] | None:
    """Return what a part of the state consists of; None: it is none."""
    if isinstance(value, (Tensor, np.ndarray, bytearray)):
        return ()
    if isinstance(value, dict):
        return [*value.values()]
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return [*value]
    return [*_attributes(value).values()] if _has_attributes(value) else None


def _has_attributes(value: Any) -> bool:
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return is_record or isinstance(value, (nn.Module, SimpleNamespace))


def _attributes(value: Any) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(value.__dict__)
    names = [field.name for field in dataclasses.fields(value)]  # one with slots
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _undo(value: Any) -> Undo | None:
    if _has_attributes(value):
        return _undo_attributes(value)
    if isinstance(value, dict):
        return _undo_entries(value, lambda: [*value.items()], value.update)
    if isinstance(value, set):
        return _undo_entries(value, lambda: [*value], value.update)
    if isinstance(value, (list, deque)):
        return _undo_entries(value, lambda: [*value], value.extend)
    if isinstance(value, (np.ndarray, bytearray)):
        return _undo_numbers(value)
    return None


def _undo_attributes(value: Any) -> Undo:
    attributes = _attributes(value)

    def restore() -> None:
        if hasattr(value, "__dict__"):
            value.__dict__.clear()
            value.__dict__.update(attributes)
            return
        for name, attribute in attributes.items():
            object.__setattr__(value, name, attribute)  # frozen ones too

    return restore


def _undo_entries(value: Any, entries: Callable[[], list[Any]], fill: Callable[[list[Any]], object]) -> Undo:
    before = entries()

    def restore() -> None:
        if not _same(before, entries()):  # what was not touched may refuse to be
            value.clear()
            fill(before)

    return restore


def _same(before: list[Any], now: list[Any]) -> bool:
    """Whether the same objects stand in the same places; of mappings, keys and values."""
    return len(before) == len(now) and all(
        one is other or (isinstance(one, tuple) and isinstance(other, tuple) and [*map(id, one)] == [*map(id, other)])
        for one, other in zip(before, now, strict=True)
    )


def _undo_numbers(value: Any) -> Undo:
    before = value.copy()

    def restore() -> None:
        if isinstance(value, bytearray):
            value[:] = before
        elif value.flags.writeable:
            value[...] = before

    return restore
