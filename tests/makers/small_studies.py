"""Studies of a second or two: a narrow ResNet-8 on synthetic images, an epoch a phase."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.plans.grid import expand, regimes, setting
from eeinfer.bench.study.records import RunRecord
from eeinfer.bench.study.runs import Run
from eeinfer.bench.study.work.carrying_out import carry_out
from eeinfer.bench.study.work.jobs import Job
from eeinfer.bench.study.work.messages import Failed, Finished
from eeinfer.bench.study.work.processes import Event, Processes
from eeinfer.bench.study.work.worker import attempt
from eeinfer.progress import silent
from eeinfer.training import BackboneConfig, DataConfig, PhaseConfig, TrainConfig

_PHASE = PhaseConfig(epochs=1, lr=0.05)


def tiny_config() -> TrainConfig:
    return TrainConfig(
        data=DataConfig(name="synthetic", batch_size=64, max_images=192, val_share=0.25),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        phase1=_PHASE,
        phase2=_PHASE,
        phase3=_PHASE,
        device="cpu",
        threads=1,
    )


def tiny_runs(*names: str, seed: int = 0) -> tuple[Run, ...]:
    return expand(tiny_config(), [regimes(*names)], [seed])


def placed_runs() -> tuple[Run, ...]:
    """Disjoint with exits in two places."""
    places = setting("placement", [(str(exits), {"exits": exits}) for exits in ((1,), (0, 1))])
    return expand(tiny_config(), [places, regimes("disjoint")], [0])


def numbers(record: RunRecord) -> dict[str, Any]:
    """All of a record but what the clock says."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    for name in ("times", "seconds", "created"):
        del plain[name]
    return {**plain, "costs": [{**cost, "seconds": 0} for cost in plain["costs"]]}


def made(out: Path, runs: tuple[Run, ...]) -> dict[str, dict[str, Any]]:
    """Carry out a study in this process and return its numbers by key."""
    places = Places(out)
    carry_out(runs, places, Here(places), 1, lambda standing: None)
    return {key: numbers(record) for key, record in places.finished(run.key for run in runs).items()}


class Here:
    """A pool that does a job where it is, when it is waited for."""

    def __init__(self, places: Places) -> None:
        self.places, self.due, self.started = places, list[Job](), list[str]()

    def start(self, job: Job) -> None:
        self.due.append(job)
        self.started.append(job.key)

    def next(self) -> Event:
        job = self.due.pop(0)
        return Event(key=job.key, message=self.do(job))

    def do(self, job: Job) -> Finished | Failed:
        return attempt(job, self.places, silent)

    def stop(self) -> None:
        self.due.clear()


def kill_at_random(out: Path, kills: int, seed: int) -> None:
    """Carry out a study in a fork of this process, killed so many times; how long it lives is drawn.

    A fork has everything imported: to start Python ten times would take a minute.
    """
    draw = np.random.default_rng(seed)
    for lifetime in [*draw.uniform(0.0, 2.0, kills), 600.0]:
        child = os.fork()
        if child == 0:
            made(out, tiny_runs("mixed"))
            os._exit(0)
        _wait(child, float(lifetime))


def _wait(child: int, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def in_processes(out: Path) -> None:
    """Carry out a study in processes of their own."""
    places = Places(out)
    carry_out(tiny_runs("mixed"), places, Processes(places), 1, lambda standing: None)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        in_processes(Path(sys.argv[1]))
    else:
        kill_at_random(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
