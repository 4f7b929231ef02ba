"""The engine: what a caller holds. It prepares what it is given, takes it through the loop and hands out answers."""

import math
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TypeAlias, TypeVar

import numpy as np

from eeinfer.answers import Answers, OneRow, answerable, copied, departures, every_exit, one_by_one
from eeinfer.arrays import finite_rows, is_finite
from eeinfer.backends.base import Backend, Exit, Inputs, Lane
from eeinfer.backends.loop import Loop, LoopBackend
from eeinfer.bundle.certificate import Certificate, files_digest, void
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import EeinferError, InputError
from eeinfer.preprocess import Given, prepare_inputs, prepare_one
from eeinfer.result import AllExits, Answer, Departure, Result
from eeinfer.rule import Taus, as_deadline, as_given, as_limits
from eeinfer.steps import loop_over
from eeinfer.watching import Watch
from eeinfer.watching.tally import MOST_CALLS, Tally

_Answered = TypeVar("_Answered")
_Answer: TypeAlias = Callable[[int, Exit, float, bool, float], _Answered]  # makes it of what `OneRow` takes


class Engine:
    """A cascade ready to run. Make one with ``eeinfer.load``; any number of threads may call it at once.

    A copy, or a pickled engine in another process, loads the bundle again from where it lay. On the CPU an engine goes
    on working in a process that was forked, with one thread per call; on a GPU nothing does: start processes by spawn.
    """

    def __init__(
        self,
        bundle: Bundle,
        backend: Backend | LoopBackend,
        taus: tuple[float, ...],
        *,
        again: "Callable[[], Engine] | None" = None,
    ) -> None:
        """Warm every segment up.

        Args:
            bundle: what runs.
            backend: its opened segments.
            taus: the threshold of every exit, for calls that give none.
            again: loads another such engine; it is what a pickled engine consists of.

        Raises:
            BundleError: a segment does not run.
        """
        self._bundle, self._taus, self._again = bundle, taus, again
        self._steps: Loop | None = loop_over(bundle, backend)
        self._costs = [segment.cumulative_flops for segment in bundle.manifest.segments]
        self._one_row, self._tally = OneRow(self._costs, len(bundle.manifest.classes)), Tally(len(taus))
        self._given: tuple[Taus, tuple[float, ...]] = (taus, taus)  # thresholds of a call, and what was made of them
        first = bundle.manifest.inputs[0].tensor
        self._name, self._dtype = first.name, np.dtype(first.dtype)
        self._one_shape = (1, *first.shape) if len(bundle.manifest.inputs) == 1 else None
        self._idle_lanes: list[Lane] = []
        self._warm_up()

    def __call__(self, images: Given, *, tau: Taus | None = None, deadline_ms: float | None = None) -> Result:
        """Classify images, each leaving at the first exit whose score is above its threshold.

        Args:
            images: what ``eeinfer.preprocess.prepare_inputs`` takes: Pillow images, 8-bit pixels, the prepared tensor,
                or a mapping from the names of the bundle's inputs to one array for each. Rows of one call are as long
                as one another: pad texts to one length.
            tau: threshold of this call, or one per exit; None takes the engine's.
            deadline_ms: stop after the first segment that ends later than this after the call began, with that
                exit's answers for the rows still in. The first exit always answers.

        Returns:
            One answer per image, in their order.

        Raises:
            InputError: images, tau or deadline are not what the bundle takes.
            BundleError: a segment fails, or answers with what no score or class can be.
        """
        began = perf_counter()
        deadline = math.inf if deadline_ms is None else as_deadline(deadline_ms, began)
        taus = self._taus if tau is None else self._limits(tau)
        # One prepared image: `prepare_inputs` would find it too, in ten times as long on a cold cache.
        if type(images) is np.ndarray and images.shape == self._one_shape and images.dtype is self._dtype:
            return self._one({self._name: images}, taus, began, deadline, self._one_row.result)
        inputs = prepare_inputs(images, self.manifest)
        if (count := len(inputs[self._name])) == 1:
            return self._one(inputs, taus, began, deadline, self._one_row.result)
        answers = Answers.none_yet(count, len(self.manifest.classes))
        for step in self._running().run(*answerable(inputs, finite_rows(inputs)), taus, deadline):
            if step.rows:
                answers.write(step, self._costs[step.k])
        result = answers.result(began)
        self._tally.add(result.exits, result.scores, own=taus == self._taus and deadline == math.inf)
        return result

    def predict_one(
        self, image: Given, *, tau: Taus | None = None, deadline_ms: float | None = None
    ) -> tuple[int, int, float]:
        """Classify one image: a call without a ``Result``, whose arrays cost about as much as all else it adds.

        Returns:
            Index of the class, exit and score, as a call's row has them: -1, -1 and NaN for an image with NaN or
            infinite pixels, which is warned of.

        Raises:
            InputError: as a call does, and where there is not exactly one image.
            BundleError: as a call does.
        """
        began = perf_counter()
        deadline = math.inf if deadline_ms is None else as_deadline(deadline_ms, began)
        taus = self._taus if tau is None else self._limits(tau)
        if type(image) is np.ndarray and image.shape == self._one_shape and image.dtype is self._dtype:
            return self._one({self._name: image}, taus, began, deadline, self._one_row.plain)
        return self._one(prepare_one(image, self.manifest, "predict_one"), taus, began, deadline, self._one_row.plain)

    def _one(
        self, inputs: Inputs, taus: tuple[float, ...], began: float, deadline: float, answer: _Answer[_Answered]
    ) -> _Answered:
        """Take a single row through buffers that are bound beforehand."""
        steps = self._steps or self._running()
        lane = self._borrow(steps)
        k, score, near = steps.one(lane, inputs, taus, deadline)
        answered = answer(k, lane.exits[k], score, near, began)
        self._give_back(lane)  # one that failed is left to the garbage collector
        log = self._tally.log
        log.append((k, score, (perf_counter() - began) * 1e3, taus == self._taus and deadline == math.inf))
        if len(log) >= MOST_CALLS:
            self._tally.count()
        return answered

    def _limits(self, tau: Taus) -> tuple[float, ...]:
        """Look at thresholds that cannot change only once."""
        given, limits = self._given
        if given is tau:
            return limits
        limits = as_limits(tau, len(self._taus))
        if isinstance(tau, (float, tuple)):
            self._given = tau, limits
        return limits

    def stream(
        self, images: Given, *, tau: Taus | None = None, deadline_ms: float | None = None
    ) -> Iterator[Departure]:
        """Classify a batch and yield its rows as they leave, exit after exit: the sure ones need not wait for the rest.

        Takes what a call takes and refuses what it refuses. Every row comes once; stop asking and nothing more is
        computed. Milliseconds count from the call on, whatever the caller does in between included.
        """
        began = perf_counter()
        deadline = as_deadline(deadline_ms, began)
        taus = self._taus if tau is None else self._limits(tau)
        inputs = copied(prepare_inputs(images, self.manifest))  # the caller may write into the images meanwhile
        return self._stream(self._running(), inputs, taus, began, deadline)

    def _stream(
        self, steps: Loop, inputs: Inputs, taus: tuple[float, ...], began: float, deadline: float
    ) -> Iterator[Departure]:
        own = taus == self._taus and deadline == math.inf
        for left in departures(steps, self.manifest, inputs, taus, deadline, began):
            self._tally.add(np.full(len(left), left.exit), left.scores, own=own)
            yield left

    def anytime(self, image: Given) -> Iterator[Answer]:
        """Yield every exit's answer to one image, as soon as it is there; stop asking and nothing more is computed.

        Raises:
            InputError: not exactly one image, or one that the bundle does not take, or NaN or infinite pixels.
        """
        began = perf_counter()
        inputs = prepare_one(image, self.manifest, "anytime")
        if not is_finite(inputs):
            raise InputError("the image holds NaN or infinite pixels; no exit can answer for it")
        # The caller may write into the image between two answers.
        return self._answers(self._running(), copied(inputs), perf_counter() - began)

    def _answers(self, steps: Loop, inputs: Inputs, spent: float) -> Iterator[Answer]:
        lane = self._borrow(steps)
        try:
            yield from one_by_one(steps, lane, inputs, self._costs, spent)
        finally:
            self._give_back(lane)

    def all_exits(self, images: Given) -> AllExits:
        """Return what every exit answers to every image, [B, E]; nobody leaves.

        Raises:
            InputError: images are not what the bundle takes.
        """
        steps, inputs = self._running(), prepare_inputs(images, self.manifest)
        return every_exit(steps, self.manifest, inputs, finite_rows(inputs))

    def watch(self) -> Watch:
        """Return where rows left since this was last asked, with which scores and how fast: calls and streams."""
        return self._tally.watch(self.manifest.name, files_digest(self.manifest.files), self.tau)

    @property
    def bundle(self) -> Bundle:
        """The bundle this engine runs."""
        return self._bundle

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self._bundle.manifest

    @property
    def certificate(self) -> Certificate | None:
        """What this engine's thresholds are shown to promise; None: nothing, or no longer (`certificate_void`)."""
        return None if self.certificate_void is not None else self.manifest.certificate

    @property
    def certificate_void(self) -> str | None:
        """Why the bundle's certificate does not hold for this engine; None: it does, or there is none."""
        certificate = self.manifest.certificate
        return None if certificate is None else void(certificate, self.tau, self.manifest.files)

    @property
    def loop(self) -> Loop:
        """What takes rows from segment to segment: who serves many callers steps through it himself."""
        return self._running()

    @property
    def tau(self) -> tuple[float, ...]:
        """The thresholds of calls that give none, one per exit."""
        return as_given(self._taus)

    @property
    def backend(self) -> str:
        """Which backend runs the segments, a name of ``eeinfer.backends.BACKENDS``."""
        return self._running().backend.name

    @property
    def device(self) -> str:
        """Where the segments run."""
        return self._running().backend.device

    @property
    def level(self) -> str | None:
        """The backend's option ``level`` as it runs, which may be lower than what was asked; None: it has none."""
        level = self._running().backend.level
        return None if level is None else f"{level:d}"

    @property
    def optimised(self) -> bool | None:
        """Whether the segments run in the form kept for this machine; None: the backend has no such form."""
        return self._running().backend.optimised

    @property
    def threads(self) -> int | None:
        """Threads per segment; None where the process has one pool for all sessions."""
        return self._running().backend.threads

    def close(self) -> None:
        """Let go of the sessions and their memory. Calls under way finish; later ones are refused."""
        self._steps = None
        self._idle_lanes.clear()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> "tuple[Callable[[], Engine], tuple[()]]":
        """Pickle and copy by path: what comes of it has loaded the bundle again, with the same arguments."""
        self._running()
        if self._again is None:
            raise EeinferError("only an engine made by eeinfer.load can be pickled or copied; make one with it")
        return self._again, ()

    def __repr__(self) -> str:
        where = f"{self.backend} on {self.device}" if self._steps else "closed"
        return f"Engine({self.manifest.name!r}, {len(self._taus)} exits, {len(self.manifest.classes)} classes, {where})"

    def _running(self) -> Loop:
        if self._steps is None:
            raise EeinferError("the engine is closed; load the bundle again with eeinfer.load")
        return self._steps

    def _borrow(self, steps: Loop) -> Lane:
        """Take a set of buffers nobody is using; as many exist as there were calls at the same time."""
        try:
            return self._idle_lanes.pop()
        except IndexError:
            return steps.backend.new_lane()

    def _give_back(self, lane: Lane) -> None:
        if self._steps is not None:
            self._idle_lanes.append(lane)

    def _warm_up(self) -> None:
        """Run every segment once, unless each has: a rarely reached one would otherwise be cold when it is needed."""
        lane = self._borrow(steps := self._running())
        list(() if steps.backend.warm else steps.alone(lane))
        self._give_back(lane)
