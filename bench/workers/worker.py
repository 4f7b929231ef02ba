"""The process of one peer: ``python -m eeinfer.bench.workers.worker``, requests on stdin, replies on its stdout.

Libraries print to stdout as they like; so the pipe is moved to another descriptor before any of them is imported,
and what they print goes to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from eeinfer.bench.peers.registry import peer_class
from eeinfer.bench.timing.clock import no_collection
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Unavailable, Workload
from eeinfer.bench.workers.memory import PeakMemory
from eeinfer.errors import BundleError, EeinferError, first_line
from eeinfer.machine.versions import versions_of

if TYPE_CHECKING:
    from eeinfer.bench.peers.kinds.cascade import Cascade

_LONGEST = 300  # characters of a reason that a report can hold


class Worker:
    """Does what requests say, for one peer."""

    def __init__(self) -> None:
        self._memory = PeakMemory()
        self._peer: Peer | None = None
        self._batches: list[Array] = []

    def handle(self, request: messages.Request) -> messages.Reply:
        """Do one thing; what a peer refuses or raises is a reply too."""
        try:
            return self._do(request)
        except (EeinferError, ImportError) as error:
            of_bundle = isinstance(error, BundleError)
            return messages.Refused(reason=first_line(error)[:_LONGEST], of_bundle=of_bundle)
        except Exception as error:  # a peer's library raises what it likes; the others must go on
            return messages.Broke(error=f"{type(error).__name__}: {first_line(error)[:_LONGEST]}")

    def _do(self, request: messages.Request) -> messages.Reply:
        if isinstance(request, messages.Prepare):
            kind = _kind(request.peer, request.setup)
            kind.prepare(request.setup)
            return messages.Done()
        if isinstance(request, messages.Open):
            return self._open(request.peer, request.setup)
        if isinstance(request, messages.Score):
            return self._score()
        if isinstance(request, messages.Run):
            return self._run(request)
        if isinstance(request, messages.Cost):
            return self._cascade().costs(request)
        peak, increase = self._memory.read()
        return messages.Memory(peak_mb=peak, increase_mb=increase)

    def _open(self, name: str, setup: Setup) -> messages.Reply:
        images = np.load(setup.images)
        self._batches = [np.ascontiguousarray(part) for part in _split(images, setup.batch)]
        began = perf_counter()
        kind = _kind(name, setup)
        kind.libraries()
        imported = perf_counter()
        self._memory.mark()
        opening = perf_counter()
        self._peer = peer = kind(setup)
        peer.answers(_through(peer, self._batches[0])())
        return messages.Opened(
            import_s=imported - began,
            open_s=perf_counter() - opening,
            versions=versions_of(kind.packages),
            detail=peer.detail,
            plain=peer.plain,
            how=peer.how,
        )

    def _cascade(self) -> Cascade:
        from eeinfer.bench.peers.kinds.cascade import Cascade

        if not isinstance(self._peer, Cascade):
            raise EeinferError("that is asked of the cascade alone")
        return self._peer

    def _score(self) -> messages.Reply:
        scores, predictions = self._cascade().every_exit(np.concatenate(self._batches))
        return messages.Scores(
            scores=[[float(value) if np.isfinite(value) else None for value in row] for row in scores],
            predictions=predictions.tolist(),
        )

    def _run(self, request: messages.Run) -> messages.Reply:
        peer, size = self._opened(), len(self._batches[0])
        calls: dict[int, Call] = {}
        for batch in set(request.batches):
            calls[batch] = peer.plan(request.workload, np.arange(batch * size, (batch + 1) * size))
        times, raw = [], []
        with no_collection():
            for batch in (request.batches * (1 + request.untimed))[: request.untimed]:
                calls[batch](self._batches[batch])
            for batch in request.batches:
                call, images = calls[batch], self._batches[batch]
                begin = perf_counter_ns()
                answer = call(images)
                times.append((perf_counter_ns() - begin) / 1e6)
                raw.append(peer.answers(answer))
        return messages.Ran(
            times_ms=times,
            exits=[exits.tolist() for exits, _ in raw],
            predictions=[predictions.tolist() for _, predictions in raw],
        )

    def _opened(self) -> Peer:
        if self._peer is None:
            raise EeinferError("no peer is open")
        return self._peer


def _kind(name: str, setup: Setup) -> type[Peer]:
    kind = peer_class(name, setup.device)
    if kind.needs_checkpoint and setup.checkpoint is None:
        raise Unavailable("needs the checkpoint that the bundle was exported from: give --checkpoint FILE")
    return kind


def _split(images: Array, batch: int) -> list[Array]:
    return [images[start : start + batch] for start in range(0, len(images), batch)]


def _through(peer: Peer, images: Array) -> Callable[[], Any]:
    """The whole network, nobody leaving."""
    from eeinfer.bench.timing.cascade import forced
    from eeinfer.bundle.folder import Bundle

    exits = len(Bundle.open(peer.setup.bundle, verify=False).manifest.segments)
    taus = tuple(forced(exits - 1, exits))
    call = peer.plan(Workload(name="first", taus=taus, exits=(exits - 1,) * len(images)), np.arange(len(images)))
    return lambda: call(images)


def own_channel() -> BinaryIO:
    """Take stdout's pipe for the replies and let whoever prints write to stderr."""
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return channel


def main() -> None:
    """Answer requests until stdin ends."""
    channel, worker = own_channel(), Worker()
    for line in sys.stdin.buffer:
        channel.write(messages.write(worker.handle(messages.read_request(line))) + b"\n")


if __name__ == "__main__":
    main()
