"""What forward may change of a model beside its weights: attributes, what they contain, tensors that are no buffers.

Looked through are lists, tuples, mappings, sets and objects with attributes, in one another, from the model on: its
modules, data classes, caches and counters of its own. Objects of libraries that keep no model's state are left out,
such as loggers, locks and functions; so are closures.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import MemberDescriptorType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

Undo = Callable[[], None]

# Packages whose objects hold no state of a model, but for modules: functions, locks, loggers, what PyTorch and NumPy
# are made of.
_STATELESS = frozenset(
    {"builtins", "torch", "numpy", "functools", "logging", "threading", "_thread", "weakref", "_weakref", "asyncio"}
    | {"concurrent", "multiprocessing", "pathlib", "re", "enum", "inspect", "typing", "abc", "contextlib"}
)


def remember(module: nn.Module, undo: contextlib.ExitStack) -> list[Tensor]:
    """Let `undo` put everything back that forward changes in place or binds anew, and return all tensors.

    What a tensor holds is not remembered: its values are for the caller to copy.
    """
    tensors = []
    for value in _reachable(module):
        if isinstance(value, Tensor):
            tensors.append(value)
            continue
        for back in _undos(value):
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
    attributes = [*_attributes(value).values()] if _has_attributes(value) else None
    if isinstance(value, dict):
        return [*value.values(), *(attributes or ())]
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return [*value, *(attributes or ())]
    return attributes


def _has_attributes(value: Any) -> bool:
    """Whether it is an object of the model's own, with attributes that forward may bind anew."""
    kind = type(value)
    if isinstance(value, nn.Module):
        return True
    if isinstance(value, (type, ModuleType)) or kind.__module__.partition(".")[0] in _STATELESS:
        return False
    return hasattr(value, "__dict__") or any(True for _ in _slots(kind))


def _slots(kind: type) -> Iterator[str]:
    """Yield the attributes that a class keeps without a dictionary, by the names under which they are found."""
    for base in kind.__mro__:
        names = base.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__"):
                private = name.startswith("__") and not name.endswith("__")
                yield f"_{base.__name__.lstrip('_')}{name}" if private else name


def _attributes(value: Any) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    return found | {name: getattr(value, name) for name in _slots(type(value)) if hasattr(value, name)}


def _undos(value: Any) -> Iterator[Undo]:
    """Yield what puts back the parts that are bound to names, and those that are entries."""
    if isinstance(value, dict):
        yield _undo_entries(value, lambda: [*value.items()], lambda before: _enter(value, before))
    elif isinstance(value, set):
        yield _undo_entries(value, lambda: [*value], value.update)
    elif isinstance(value, (list, deque)):
        yield _undo_entries(value, lambda: [*value], value.extend)
    elif isinstance(value, np.ndarray):
        yield _undo_array(value)
    elif isinstance(value, bytearray):
        yield _undo_bytes(value)
    if _has_attributes(value):
        yield _undo_attributes(value)


def _undo_attributes(value: Any) -> Undo:
    before = _attributes(value)

    def restore() -> None:
        now = _attributes(value)
        for name in now.keys() - before.keys():
            _without(value, name)
        for name, attribute in before.items():
            if now.get(name, _undos) is not attribute:  # what was not touched may refuse to be; _undos is no attribute
                _bind(value, name, attribute)

    return restore


def _bind(value: Any, name: str, attribute: Any) -> None:
    """Past the class's own way of setting, which a frozen one and a module have."""
    if name in getattr(value, "__dict__", {}) or not isinstance(getattr(type(value), name, None), MemberDescriptorType):
        value.__dict__[name] = attribute
    else:
        object.__setattr__(value, name, attribute)


def _without(value: Any, name: str) -> None:
    if name in getattr(value, "__dict__", {}):
        del value.__dict__[name]
    else:
        object.__delattr__(value, name)


def _undo_entries(value: Any, entries: Callable[[], list[Any]], fill: Callable[[list[Any]], object]) -> Undo:
    before = entries()

    def restore() -> None:
        if not _same(before, entries()):  # what was not touched may refuse to be
            value.clear()
            fill(before)

    return restore


def _enter(value: Any, before: list[tuple[Any, Any]]) -> None:
    """One by one: `update` means something else to a Counter, and records that are mappings refuse it."""
    for key, entry in before:
        value[key] = entry


def _same(before: list[Any], now: list[Any]) -> bool:
    """Whether the same objects stand in the same places; of mappings, keys and values."""
    return len(before) == len(now) and all(
        one is other or (isinstance(one, tuple) and isinstance(other, tuple) and [*map(id, one)] == [*map(id, other)])
        for one, other in zip(before, now, strict=True)
    )


def _undo_array(value: Any) -> Undo:
    before = value.copy()

    def restore() -> None:
        if value.shape != before.shape:
            value.resize(before.shape, refcheck=False)
        if value.flags.writeable:
            value[...] = before

    return restore


def _undo_bytes(value: bytearray) -> Undo:
    before = bytes(value)

    def restore() -> None:
        value[:] = before

    return restore
