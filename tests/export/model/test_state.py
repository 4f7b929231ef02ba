"""What forward changes outside weights and buffers, in whatever it is kept, is put back."""

import argparse
import functools
import logging
import threading
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eeinfer.export import export_bundle
from eeinfer.export.model.borrowed import borrowed


class Cache:
    def __init__(self) -> None:
        self.key = torch.zeros(3)
        self.calls = 0


class Slots:
    __slots__ = ("__private", "late", "number")

    def __init__(self) -> None:
        self.number, self.__private = 1, 2

    def change(self) -> None:
        self.number, self.__private, self.late = 5, 6, 7

    def seen(self) -> tuple[Any, ...]:
        return self.number, self.__private, hasattr(self, "late")


@dataclass
class Record(dict[str, int]):
    count: int = 0


def bump(cache: Any) -> None:
    cache.key = cache.key + 1
    cache.calls += 1


def grow(box: Any) -> None:
    box["a"] += 1
    box["new"] = 1


def shrink(array: np.ndarray) -> None:
    array += 1
    array.resize((1, 2), refcheck=False)


def rename(record: Record) -> None:
    record["a"] = 9
    record.count = 9


KEPT: dict[str, tuple[Callable[[], Any], Callable[[Any], object], Callable[[Any], Any]]] = {
    "object": (Cache, bump, lambda it: (it.key.tolist(), it.calls, type(it.key))),
    "namespace": (lambda: argparse.Namespace(key=1, calls=2), bump, lambda it: dict(vars(it))),
    "simple namespace": (lambda: SimpleNamespace(key=1, calls=2), bump, lambda it: dict(vars(it))),
    "counter": (lambda: Counter(a=3), grow, dict),
    "ordered": (lambda: OrderedDict(a=3, b=4), lambda it: it.move_to_end("a"), lambda it: [*it.items()]),
    "default": (lambda: defaultdict(int, a=3), lambda it: it["other"], dict),
    "user dict": (lambda: UserDict(a=3), grow, dict),
    "user list": (lambda: UserList([1]), lambda it: it.append(2), list),
    "deque": (lambda: deque([1, 2], maxlen=2), lambda it: it.append(3), list),
    "slots": (Slots, Slots.change, Slots.seen),
    "record that is a mapping": (lambda: Record({"a": 1}), rename, lambda it: (dict(it), it.count)),
    "array": (lambda: np.array([[1, 2, 3], [4, 5, 6]]), shrink, lambda it: it.tolist()),
    "bytes": (lambda: bytearray(b"abc"), lambda it: it.extend(b"d"), bytes),
    "list of objects": (lambda: [Cache(), [Cache()]], lambda it: bump(it[1][0]), lambda it: it[1][0].calls),
}


class Keeping(nn.Module):
    def __init__(self, kept: Any) -> None:
        super().__init__()
        self.linear, self.kept = nn.Linear(2, 2), kept
        self.lock, self.log = threading.Lock(), logging.getLogger("model")
        self.part = functools.partial(torch.relu, inplace=False) if kept is None else torch.relu

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@pytest.mark.parametrize("kind", KEPT)
def test_it_is_as_it_was_whatever_keeps_it(kind: str) -> None:
    make, change, seen = KEPT[kind]
    model = Keeping(make())
    before, itself = seen(model.kept), model.kept
    with borrowed(model):
        change(model.kept)
        assert seen(model.kept) != before, "nothing was changed, so this test shows nothing"
    assert model.kept is itself
    assert seen(model.kept) == before


def test_what_cannot_be_put_back_is_left_alone_where_nobody_touched_it() -> None:
    class Closed(dict[str, int]):
        def __setitem__(self, *_: object) -> None:
            raise TypeError("closed")

    model = Keeping(Closed(a=1))
    with borrowed(model):
        pass
    assert model.kept == {"a": 1}


def test_no_tensor_of_the_tracer_is_left_behind(tmp_path: Path) -> None:
    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.deep = nn.Linear(4, 8), nn.Linear(8, 8)
            self.heads, self.cache = nn.ModuleList([nn.Linear(8, 3), nn.Linear(8, 3)]), Cache()

        def forward(self, x: Tensor) -> list[Tensor]:
            one = torch.relu(self.body(x))
            two = torch.relu(self.deep(one))
            self.cache.key = self.cache.key * 0.9 + x.detach().mean(0)[:3]
            return [self.heads[0](one), self.heads[1](two)]

    torch.manual_seed(0)
    model = Remembering().eval()
    export_bundle(model, torch.randn(1, 4), tmp_path / "model.eeb")
    assert type(model.cache.key) is Tensor
    assert model.cache.key.tolist() == [0, 0, 0]
