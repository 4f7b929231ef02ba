"""The engine: run a segment, compare its score with tau, stop or go on.

Shapes: B rows, E exits, K classes. One rule for every method: a row leaves at exit k iff score > tau[k];
the last exit always answers.
"""

import math
import os
import warnings
from collections.abc import Iterator
from time import perf_counter
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer import samples
from eeinfer.answers import Answers
from eeinfer.backends import open_backend
from eeinfer.backends.base import Backend, Lane
from eeinfer.bundle import Bundle
from eeinfer.errors import BundleError, EeinferError, InputError, NonFiniteWarning
from eeinfer.manifest import Manifest
from eeinfer.preprocess import Images, finite_rows, prepare
from eeinfer.result import AllExits, Answer, Result
from eeinfer.thresholds import Taus, as_taus

_ALL_EXITS_ROWS = 64  # rows at a time where every exit's answer is kept: bounds the memory of the activations
_NAMED_ROWS = 10


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    device: str = "cpu",
    tau: Taus | None = None,
    threads: int | str | None = None,
    backend: str = "onnxruntime",
    verify: bool = True,
) -> "Engine":
    """Open a bundle, check it, build a session per segment and warm each of them up.

    Args:
        path: the bundle's folder; None takes the small trained one that the package ships.
        device: where to run; "cpu".
        tau: threshold in [0, 1], or one per exit; None takes the manifest's.
        threads: threads per segment, or a mode of ``eeinfer.backends.threads``, such as "stopping:2"; None takes one
            per physical core open to the process, but one alone for segments of less than a millisecond. Faster:
            "shared" or ``eeinfer.share_threads``, where the process is yours.
        backend: a name of ``eeinfer.backends.BACKENDS``.
        verify: False skips the files' hashes, and only those.

    Raises:
        BundleError: the bundle is missing, damaged, from a newer format, or does not chain.
        InputError: tau is outside [0, 1] or of the wrong length.
        ConfigError: unknown backend or device, or a setting of threads that is none.
        DependencyError: the backend's package is not installed.

    Example:
        >>> engine = eeinfer.load("model.eeb", tau=0.8)
        >>> engine(images).predictions
    """
    bundle = Bundle.open(samples.bundle_path() if path is None else path, verify=verify)
    taus = as_taus(bundle.manifest.taus if tau is None else tau, len(bundle.manifest.segments))
    return Engine(bundle, open_backend(backend, bundle, device=device, threads=threads, verify=verify), taus)


class Engine:
    """A cascade ready to run. Make one with ``eeinfer.load``; any number of threads may call it at once."""

    def __init__(self, bundle: Bundle, backend: Backend, taus: NDArray[np.float32]) -> None:
        self._bundle = bundle
        self._backend: Backend | None = backend
        self._taus = taus
        self._last = len(taus) - 1
        self._costs = [segment.cumulative_flops for segment in bundle.manifest.segments]
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
        deadline = math.inf if deadline_ms is None else began + _seconds(deadline_ms)
        taus = self._taus if tau is None else as_taus(tau, len(self._taus))
        ready = prepare(images, self.manifest.input)
        answers = self._one(ready, taus, deadline) if len(ready) == 1 else self._many(ready, taus, deadline)
        result = answers.result(began)
        _warn_non_finite(result.valid)
        return result

    def _many(self, images: NDArray[Any], taus: NDArray[np.float32], deadline: float) -> Answers:
        """Run the rows of a batch segment by segment; who leaves is removed, so that the rest costs less."""
        backend = self._running()
        answers = Answers.none_yet(len(images), len(self.manifest.classes))
        rows = np.flatnonzero(finite_rows(images))
        live = backend.start(images if len(rows) == len(images) else images[rows])
        for k in range(len(taus) if len(rows) else 0):
            exit = backend.run(k, live)
            leaves = exit.score > taus[k]
            if k == self._last or perf_counter() >= deadline:
                leaves[:] = True
            answers.write(k, self._costs[k], exit, rows[leaves], leaves)
            if leaves.all():
                break
            if leaves.any():
                stays = np.flatnonzero(~leaves)
                rows, live = rows[stays], backend.keep(live, stays)
        return answers

    def _one(self, image: NDArray[Any], taus: NDArray[np.float32], deadline: float) -> Answers:
        """Do the same for a single row, in buffers that were bound beforehand."""
        if not finite_rows(image)[0]:
            return Answers.none_yet(1, len(self.manifest.classes))
        lane = self._borrow()
        lane.load(image)
        for k, tau in enumerate(taus.tolist()):
            if lane.run(k) > tau or k == self._last or perf_counter() >= deadline:
                break
        answers = Answers.of_all(k, self._costs[k], lane.exits[k])
        self._give_back(lane)  # one that failed is left to the garbage collector
        return answers

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
            for k, exit in enumerate(lane.exits):
                began = perf_counter()
                score = lane.run(k)
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
        ready = prepare(images, self.manifest.input)
        parts = [self._every_exit(ready[at : at + _ALL_EXITS_ROWS]) for at in range(0, len(ready), _ALL_EXITS_ROWS)]
        scores, predictions, logits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        predictions[~np.isfinite(scores)] = -1
        _warn_non_finite(np.isfinite(scores[:, self._last]))
        return AllExits(scores=scores, predictions=predictions, logits=logits)

    def _every_exit(self, images: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        backend, shape = self._running(), (len(images), len(self._taus))
        scores, predictions = np.full(shape, np.nan, np.float32), np.full(shape, -1, np.int64)
        logits = np.full((*shape, len(self.manifest.classes)), np.nan, np.float32)
        rows = np.flatnonzero(finite_rows(images))
        live = backend.start(images[rows])
        for k in range(len(self._taus) if len(rows) else 0):
            logits[rows, k], scores[rows, k], predictions[rows, k] = backend.run(k, live)
        return scores, predictions, logits

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
        return tuple(float(str(tau)) for tau in self._taus)  # the shortest text of a float32: 0.8, not 0.800000012

    @property
    def backend(self) -> str:
        """Which backend runs the segments, a name of ``eeinfer.backends.BACKENDS``."""
        return self._running().name

    @property
    def device(self) -> str:
        """Where the segments run."""
        return self._running().device

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"{self._backend.name} on {self._backend.device}" if self._backend else "closed"
        exits, classes = len(self._taus), len(self.manifest.classes)
        return f"Engine({self.manifest.name!r}, {exits} exits, {classes} classes, {where})"

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
            return backend.lane()

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
            raise BundleError(f"{file} does not run: {_first_line(error)}; export the bundle again") from error
        self._give_back(lane)


def _seconds(deadline_ms: float) -> float:
    if not isinstance(deadline_ms, (int, float)) or not deadline_ms >= 0:
        raise InputError(f"deadline_ms is {deadline_ms!r}; give milliseconds, 0 or more, or None")
    return deadline_ms / 1e3


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _warn_non_finite(valid: NDArray[np.bool_]) -> None:
    """Name the rows without an answer, to whoever called the engine."""
    if not valid.all():
        rows = np.flatnonzero(~valid)
        names = ", ".join(map(str, rows[:_NAMED_ROWS])) + (", ..." if len(rows) > _NAMED_ROWS else "")
        text = f"{len(rows)} of {len(valid)} rows have NaN or infinite pixels or scores, prediction -1: {names}"
        warnings.warn(text, NonFiniteWarning, stacklevel=3)
