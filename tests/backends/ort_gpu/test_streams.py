import sys
from types import ModuleType
from typing import Any

import pytest

from eeinfer.backends.cuda.api import CudaError
from eeinfer.backends.ort_gpu.streams import Stream
from eeinfer.errors import DependencyError


class Status(int):
    name = "cudaErrorNoDevice"


class Cuda(ModuleType):
    """The calls of cuda.bindings.runtime, whose events are stamped with the time of a made-up clock."""

    cudaStreamDefault = 0

    def __init__(self, status: int = 0) -> None:
        super().__init__("cuda.bindings.runtime")
        self._status, self._clock = Status(status), 0.0
        self.events: list[float | None] = []

    def cudaSetDevice(self, gpu: int) -> tuple[Status]:
        return (self._status,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Status, int]:
        return self._status, 4711

    def cudaEventCreate(self) -> tuple[Status, int]:
        self.events.append(None)
        return self._status, len(self.events) - 1

    def cudaEventRecord(self, event: int, stream: int) -> tuple[Status]:
        self._clock += 1.5
        self.events[event] = self._clock
        return (self._status,)

    def cudaEventSynchronize(self, event: int) -> tuple[Status]:
        return (self._status,)

    def cudaEventElapsedTime(self, start: int, end: int) -> tuple[Status, Any]:
        return self._status, self.events[end] - self.events[start]  # type: ignore[operator]

    def cudaEventDestroy(self, event: int) -> tuple[Status]:
        self.events[event] = None
        return (self._status,)


def use(monkeypatch: pytest.MonkeyPatch, cuda: ModuleType | None) -> None:
    bindings = ModuleType("cuda.bindings")
    bindings.__version__, bindings.driver, bindings.runtime = "13.0.0", cuda, cuda  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cuda.bindings", bindings if cuda else None)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cuda)  # type: ignore[arg-type]


def test_the_clock_is_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda()
    use(monkeypatch, cuda)
    stream = Stream(0)
    assert int(stream) == 4711
    assert stream.elapsed_ms(stream.mark(), stream.mark()) == 1.5
    assert cuda.events == [None, None]  # given back


def test_a_call_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Cuda(status=100))
    with pytest.raises(CudaError, match=r"^cudaSetDevice failed: cudaErrorNoDevice$"):
        Stream(1)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, None)
    with pytest.raises(DependencyError, match=r"cuda-bindings package: pip install 'eeinfer\[cuda\]'"):
        Stream(0)
