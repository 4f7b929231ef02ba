"""What a replica counts, with a stand-in for Ray's metrics; tests/serving/hosts reads the real ones."""

import sys
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from eeinfer.serving.ray.counting import Counted
from eeinfer.serving.served import Served


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, ...]]:
    found = Counter[tuple[str, ...]]()

    class Metric:
        def __init__(self, name: str, description: str, tag_keys: tuple[str, ...]) -> None:
            assert description
            self.name, self.keys, self.usual = name, tag_keys, dict[str, str]()

        def set_default_tags(self, tags: dict[str, str]) -> None:
            self.usual = tags

        def inc(self, value: float, tags: dict[str, str]) -> None:
            assert value > 0  # Ray takes no other
            every = self.usual | tags
            found[(self.name, *(every.pop(key) for key in self.keys))] += int(value)
            assert not every

    modules: dict[str, Any] = {name: ModuleType(name) for name in ("ray", "ray.serve", "ray.serve.metrics")}
    modules["ray.serve.metrics"].Counter = Metric
    modules["ray.serve"].metrics = modules["ray.serve.metrics"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return found


def answered(*exits: int) -> Served:
    count = len(exits)
    flags = np.zeros(count, np.bool_)
    return Served(
        predictions=np.zeros(count, np.int64),
        exits=np.array(exits),
        scores=np.zeros(count, np.float32),
        logits=np.zeros((count, 2), np.float32),
        near_tau=flags,
        late=flags,
        degraded=False,
        taus=(0.5, 0.5),
        queue_ms=0.0,
        latency_ms=1.0,
    )


def test_rows_are_counted_by_exit_and_requests_by_how_they_end(counted: Counter[tuple[str, ...]]) -> None:
    told = Counted("digits")
    told.answered(answered(0, 1, 1, -1))
    told.answered(answered(0))
    for ends in (told.failed, told.cancelled, told.refused, told.refused):
        ends()
    assert counted == {
        ("eeinfer_requests", "digits", "answered"): 2,
        ("eeinfer_requests", "digits", "failed"): 1,
        ("eeinfer_requests", "digits", "cancelled"): 1,
        ("eeinfer_requests", "digits", "refused"): 2,
        ("eeinfer_exits", "digits", "0"): 2,
        ("eeinfer_exits", "digits", "1"): 2,
        ("eeinfer_exits", "digits", "-1"): 1,
    }
