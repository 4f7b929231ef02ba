"""Jobs in processes of this machine."""

import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.work.jobs import Job
from eeinfer.bench.study.work.messages import Failed, Finished, Message, Order, read_message, write

MODULE = "eeinfer.bench.study.work.worker"
_GRACE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something a job says."""

    key: str
    message: Message


class Pool(Protocol):
    """Where jobs run."""

    def start(self, job: Job) -> None:
        """Begin a job."""

    def next(self) -> Event:
        """Wait until one of the jobs that were started says something."""

    def stop(self) -> None:
        """End all that still run; what they have on disk stays."""


class Processes:
    """One process for each job; what it prints goes to a log beside its folder."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._events: queue.Queue[Event] = queue.Queue()

    def start(self, job: Job) -> None:
        """Begin a job."""
        self._places.work.mkdir(parents=True, exist_ok=True)
        with self._log(job.key).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self._running[job.key] = process
        threading.Thread(target=self._listen, args=(job, process), daemon=True).start()

    def next(self) -> Event:
        """Wait until one of the jobs that were started says something."""
        event = self._events.get()
        if isinstance(event.message, Finished | Failed):
            self._end(self._running.pop(event.key))
        return event

    def stop(self) -> None:
        """End all that still run."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            self._end(process)
        self._running.clear()

    def _listen(self, job: Job, process: "subprocess.Popen[bytes]") -> None:
        """Pass on what a job says; one that ends without a last word has failed."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(write(Order(job=job, out=str(self._places.out))))
            process.stdin.flush()  # it stays open: its end tells the worker that we are gone
            for line in process.stdout:
                message = read_message(line)
                self._events.put(Event(key=job.key, message=message))
                if isinstance(message, Finished | Failed):
                    return
        except (OSError, ValueError, msgspec.DecodeError):  # it died while it was spoken to, or said nonsense
            process.kill()
        reason = f"its process ended with status {process.wait()}; see {self._log(job.key)}"
        self._events.put(Event(key=job.key, message=Failed(reason=reason)))

    def _log(self, key: str) -> Path:
        return self._places.work / f"{key}.log"

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
