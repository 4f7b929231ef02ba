"""The engine: run a segment, compare its score with tau, stop or go on.

Shapes: B rows, E exits, K classes. One rule for every method: a row leaves at exit k iff score > tau[k];
the last exit always answers.
"""

import math
from collections.abc import Iterator
from time import perf_counter
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from eeinfer.all_exits import all_exits
from eeinfer.answers import Answers, Leaving, OneRow, unanswered
from eeinfer.backends.base import Backend, Lane
from eeinfer.backends.row_costs import compacted
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import BundleError, EeinferError, InputError, first_line
from eeinfer.preprocess import Images, finite_rows, prepare
from eeinfer.result import AllExits, Answer, Departure, Result
from eeinfer.rule import Taus, as_deadline, as_limits, leaves, near


class Engine:
    """A cascade ready to run. Make one with ``eeinfer.load``; any number of threads may call it at once."""

    def __init__(self, bundle: Bundle, backend: Backend, taus: tuple[float, ...]) -> None:
        self._bundle = bundle
        self._backend: Backend | None = backend
        self._taus = taus
        self._last = len(taus) - 1
        self._costs = [segment.cumulative_flops for segment in bundle.manifest.segments]
        self._one_row = OneRow(self._costs)
        self._given: tuple[Taus, tuple[float, ...]] = (taus, taus)  # thresholds of a call, and what was made of them
        self._dtype = np.dtype(bundle.manifest.input.tensor.dtype)
        self._one_shape = (1, *bundle.manifest.input.tensor.shape)
        self._idle_lanes: list[Lane] = []
        self._warm_up()

    def __call__(self, images: Images, *, tau: Taus | None = None, deadline_ms: float | None = None) -> Result:
        """Classify images, each leaving at the first exit whose score is above its threshold.

        Args:
            images: what ``eeinfer.preprocess.prepare`` takes: Pillow images, 8-bit pixels, or the prepared tensor.
            tau: threshold of this call, or one per exit; None takes the engine's.
            deadline_ms: stop after the first segment that ends later than this after the call began, with that
                exit's answers for the rows still in. The first exit always answers.

        Returns:
            One answer per image, in their order.

        Raises:
            InputError: images, tau or deadline are not what the bundle takes.
        """
        began = perf_counter()
        deadline = as_deadline(deadline_ms, began)
        taus = self._taus if tau is None else self._limits(tau)
        ready = images if self._is_one(images) else prepare(images, self.manifest.input)
        if len(ready) == 1:
            return self._one(ready, taus, began, deadline)
        answers = Answers.none_yet(len(ready), len(self.manifest.classes))
        for part in self._departures(ready, finite_rows(ready), taus, deadline):
            answers.write(part, self._costs[part.k])
        return answers.result(began)

    def _one(self, image: NDArray[Any], taus: tuple[float, ...], began: float, deadline: float) -> Result:
        """The loop for a single row: run a segment, compare its score with tau, stop or go on."""
        lane, close = self._borrow(), False
        lane.load(image)
        if not finite_rows(image)[0]:  # asked when the copy has brought the image into the cache
            self._give_back(lane)
            return Answers.none_yet(1, len(self.manifest.classes)).result(began)
        if lane.run_on_device is not None and deadline == math.inf:  # the device runs this very loop by itself
            k = lane.run_on_device(taus)
            scores = [exit.score.item() for exit in lane.exits[: k + 1]]
            decided = zip(scores, taus[: self._last], strict=False)
            score, close = scores[k], any(near(score, tau) for score, tau in decided)
        else:
            for k, tau in enumerate(taus):
                score = lane.run(k)
                if k == self._last:
                    break
                close = close or near(score, tau)
                if leaves(score, tau) or perf_counter() >= deadline:
                    break
        result = self._one_row.result(k, lane.exits[k], score, close, began)
        self._give_back(lane)  # one that failed is left to the garbage collector
        return result

    def _is_one(self, images: Images) -> TypeGuard[NDArray[Any]]:
        """Whether this is one prepared image: what `prepare` would find too, in ten times as long on a cold cache."""
        return (
            type(images) is np.ndarray
            and images.shape == self._one_shape
            and images.dtype is self._dtype
            and images.flags.c_contiguous
            and images.flags.aligned
        )

    def _limits(self, tau: Taus) -> tuple[float, ...]:
        """Look at thresholds that cannot change only once."""
        given, limits = self._given
        if given is tau:
            return limits
        limits = as_limits(tau, len(self._taus))
        if isinstance(tau, (float, tuple)):
            self._given = tau, limits
        return limits

    def _departures(
        self, images: NDArray[Any], finite: NDArray[np.bool_], taus: tuple[float, ...], deadline: float
    ) -> Iterator[Leaving]:
        """The loop for a batch: who leaves is taken out where that pays, and rides along unheeded where it does not."""
        backend, close = self._running(), set[int]()
        rows = np.flatnonzero(finite).tolist()  # places in the call, -1 for who rides along
        if not rows:
            return
        live = backend.start(images if len(rows) == len(images) else images[rows])
        try:
            for k, tau in enumerate(taus):
                exit = backend.run(k, live)
                scores = exit.score.tolist()  # plain numbers: for so few, NumPy's calls cost more than they do
                if k < self._last:
                    close |= {row for row, score in zip(rows, scores, strict=True) if near(score, tau)}
                ends = k == self._last or perf_counter() >= deadline
                out = [i for i, score in enumerate(scores) if (ends or leaves(score, tau)) and rows[i] >= 0]
                if out:
                    yield Leaving.of(k, exit, out, rows, close)
                    for i in out:
                        rows[i] = -1
                stays = sum(row >= 0 for row in rows)
                if not stays:
                    return
                if stays < len(rows) and backend.worth_compacting(k + 1, len(rows), stays):
                    order = compacted(rows, stays)
                    rows, live = [rows[i] for i in order], backend.compact(live, np.array(order))
        finally:
            backend.release(live)

    def stream(
        self, images: Images, *, tau: Taus | None = None, deadline_ms: float | None = None
    ) -> Iterator[Departure]:
        """Classify a batch and yield its rows as they leave, exit after exit: the sure ones need not wait for the rest.

        Takes what a call takes and refuses what it refuses. Every row comes once; stop asking and nothing more is
        computed. Milliseconds count from the call on, whatever the caller does in between included.
        """
        began = perf_counter()
        deadline = as_deadline(deadline_ms, began)
        taus = self._taus if tau is None else self._limits(tau)
        ready = prepare(images, self.manifest.input)
        self._running()
        return self._stream(ready.copy(), taus, began, deadline)  # the caller may write into the images meanwhile

    def _stream(
        self, images: NDArray[Any], taus: tuple[float, ...], began: float, deadline: float
    ) -> Iterator[Departure]:
        finite = finite_rows(images)
        if not finite.all():
            yield unanswered(np.flatnonzero(~finite), len(self.manifest.classes), perf_counter() - began)
        for part in self._departures(images, finite, taus, deadline):
            yield part.departure(self._costs[part.k], perf_counter() - began)

    def anytime(self, image: Images) -> Iterator[Answer]:
        """Yield every exit's answer to one image, as soon as it is there; stop asking and nothing more is computed.

        Raises:
            InputError: not exactly one image, or one that the bundle does not take, or NaN or infinite pixels.
        """
        began = perf_counter()
        ready = prepare(image, self.manifest.input)
        if len(ready) != 1:
            raise InputError(f"anytime answers for one image, got {len(ready)}; call the engine for a batch")
        if not finite_rows(ready)[0]:
            raise InputError("the image holds NaN or infinite pixels; no exit can answer for it")
        self._running()
        ready = ready.copy()  # the caller may write into the image between two answers
        return self._answers(ready, perf_counter() - began)

    def _answers(self, image: NDArray[Any], spent: float) -> Iterator[Answer]:
        lane = self._borrow()
        try:
            lane.load(image)
            for k in range(len(self._taus)):
                began = perf_counter()
                score = lane.run(k)
                exit = lane.exits[k]
                prediction = int(exit.prediction[0]) if math.isfinite(score) else -1
                spent += perf_counter() - began
                yield Answer(
                    exit=k,
                    prediction=prediction,
                    score=score,
                    logits=exit.logits[0].copy(),
                    latency_ms=spent * 1e3,
                    flops=self._costs[k],
                )
        finally:
            self._give_back(lane)

    def all_exits(self, images: Images) -> AllExits:
        """Return what every exit answers to every image, [B, E]; nobody leaves.

        Raises:
            InputError: images are not what the bundle takes.
        """
        return all_exits(self._running(), self.manifest, prepare(images, self.manifest.input))

    @property
    def bundle(self) -> Bundle:
        """The bundle this engine runs."""
        return self._bundle

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self._bundle.manifest

    @property
    def tau(self) -> tuple[float, ...]:
        """The thresholds of calls that give none, one per exit."""
        # The shortest text of a float32: 0.8, not 0.800000012.
        return tuple(float(str(np.float32(tau))) for tau in self._taus)

    @property
    def backend(self) -> str:
        """Which backend runs the segments, a name of ``eeinfer.backends.BACKENDS``."""
        return self._running().name

    @property
    def device(self) -> str:
        """Where the segments run."""
        return self._running().device

    @property
    def level(self) -> str | None:
        """The backend's option ``level`` as it runs, which may be lower than what was asked; None: it has none."""
        level = self._running().level
        return None if level is None else f"{level:d}"

    @property
    def optimised(self) -> bool | None:
        """Whether the segments run in the form kept for this machine; None: the backend has no such form."""
        return self._running().optimised

    @property
    def threads(self) -> int | None:
        """Threads per segment; None where the process has one pool for all sessions."""
        return self._running().threads

    def close(self) -> None:
        """Let go of the sessions and their memory. Calls under way finish; later ones are refused."""
        self._backend = None
        self._idle_lanes.clear()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"{self._backend.name} on {self._backend.device}" if self._backend else "closed"
        return f"Engine({self.manifest.name!r}, {len(self._taus)} exits, {len(self.manifest.classes)} classes, {where})"

    def _running(self) -> Backend:
        if self._backend is None:
            raise EeinferError("the engine is closed; load the bundle again with eeinfer.load")
        return self._backend

    def _borrow(self) -> Lane:
        """Take a set of buffers nobody is using; as many exist as there were calls at the same time."""
        backend = self._running()
        try:
            return self._idle_lanes.pop()
        except IndexError:
            return backend.new_lane()

    def _give_back(self, lane: Lane) -> None:
        if self._backend is not None:
            self._idle_lanes.append(lane)

    def _warm_up(self) -> None:
        """Run every segment once: a rarely reached one would otherwise be cold when it is needed."""
        lane, segment = self._borrow(), 0
        try:
            for segment in range(len(self._taus)):
                lane.run(segment)
        except Exception as error:  # whatever the backend raises, the segment is at fault
            file = self._bundle.file(self.manifest.segments[segment].file)
            raise BundleError(f"{file} does not run: {first_line(error)}; export the bundle again") from error
        self._give_back(lane)
