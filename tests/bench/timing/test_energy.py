import pytest

from eeinfer.bench.timing import energy
from eeinfer.bench.timing.energy import measure_energy


class Meter:
    """A GPU in a made-up time: a call takes ten milliseconds, at its own power; idle, 20 W."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.millijoules = 0.0, 0.0
        self.ran: dict[int, list[int]] = {}
        monkeypatch.setattr(energy.time, "perf_counter", lambda: self.seconds)
        monkeypatch.setattr(energy.time, "sleep", lambda seconds: self.work(20, seconds))

    def __call__(self) -> int:
        return int(self.millijoules)

    def work(self, watts: int, seconds: float = 0.01) -> None:
        self.seconds += seconds
        self.millijoules += 1e3 * watts * seconds

    def at(self, watts: int, batch: int) -> None:
        self.ran.setdefault(watts, []).append(batch)
        self.work(watts)


def test_each_window_counts_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(monkeypatch)
    found = measure_energy(
        meter,
        lambda batch: meter.at(300, batch),
        lambda batch: meter.at(100, batch),
        batches=3,
        batch=2,
        seconds=10,
    )
    assert found is not None
    assert found.idle_watts == pytest.approx(20, rel=0.01)
    assert found.static_mj == pytest.approx(1500, rel=0.01)  # 300 W x 10 ms for two images
    assert found.cascade_mj == pytest.approx(500, rel=0.01)
    assert meter.ran[300][:5] == [0, 0, 1, 2, 0]  # an untimed call, then every batch in turn


def test_a_gpu_that_does_not_count_has_no_energy() -> None:
    assert measure_energy(lambda: None, print, print, batches=1, batch=1, seconds=1) is None
