"""The driver is asked through its library; a made-up one answers as the real one is documented to."""

import ctypes
from typing import Any

import pytest

from eeinfer.machine import gpus
from eeinfer.machine.gpus import Driver, Gpu


class FakeDriver:
    """libcuda with some GPUs."""

    def __init__(self, *cards: tuple[str, int, int], version: int = 13000, init: int = 0) -> None:
        self._cards, self._version, self._init = cards, version, init

    def cuInit(self, flags: int) -> int:
        return self._init

    def cuDriverGetVersion(self, answer: Any) -> int:
        return _put(answer, self._version)

    def cuDeviceGetCount(self, answer: Any) -> int:
        return _put(answer, len(self._cards))

    def cuDeviceGet(self, answer: Any, index: int) -> int:
        return _put(answer, index)

    def cuDeviceGetName(self, text: Any, size: int, device: int) -> int:
        text.value = self._cards[device][0].encode()
        return 0

    def cuDeviceGetUuid(self, uuid: Any, device: int) -> int:
        uuid.raw = bytes([device] * 16)
        return 0

    def cuDeviceGetAttribute(self, answer: Any, which: int, device: int) -> int:
        return _put(answer, self._cards[device][{75: 1, 76: 2}[which]])


def _put(answer: Any, value: int) -> int:
    ctypes.cast(answer, ctypes.POINTER(ctypes.c_int))[0] = value
    return 0


def ask(monkeypatch: pytest.MonkeyPatch, library: FakeDriver) -> Driver:
    monkeypatch.setattr(gpus, "_load", lambda: library)
    return gpus.driver()


def test_gpus_come_with_name_and_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(monkeypatch, FakeDriver(("NVIDIA H100", 9, 0), ("NVIDIA L4", 8, 9), version=12040))
    assert found == Driver(
        cuda=(12, 4),
        gpus=(
            Gpu(name="NVIDIA H100", capability=(9, 0), uuid="GPU-00000000-0000-0000-0000-000000000000"),
            Gpu(name="NVIDIA L4", capability=(8, 9), uuid="GPU-01010101-0101-0101-0101-010101010101"),
        ),
    )


@pytest.mark.parametrize(
    ("library", "problem"),
    [
        (FakeDriver(init=100), "the NVIDIA driver finds no GPU"),
        (FakeDriver(), "the NVIDIA driver finds no GPU"),
        (FakeDriver(init=803), "the NVIDIA driver does not answer (cuInit returned 803)"),
    ],
)
def test_a_driver_without_a_gpu_says_why(monkeypatch: pytest.MonkeyPatch, library: FakeDriver, problem: str) -> None:
    assert ask(monkeypatch, library) == Driver(cuda=(13, 0), problem=problem)


def test_no_driver_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_LIBRARY", "libno-such-driver.so.1")
    found = gpus.driver()
    assert found.gpus == ()
    assert found.problem is not None
    assert found.problem.startswith("no NVIDIA driver is found (libno-such-driver.so.1")
