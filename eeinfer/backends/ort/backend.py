"""ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy."""

import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Live
from eeinfer.backends.ort import optimised
from eeinfer.backends.ort.pools import share_threads
from eeinfer.backends.ort.profile import find_profile
from eeinfer.backends.ort.rows import OrtLane, OrtRows
from eeinfer.backends.ort.sessions import check_graph, open_session
from eeinfer.backends.ort.threads import SHARED, Threads, as_threads
from eeinfer.backends.row_costs import RowCosts
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.bundle.manifest import Segment, TensorSpec
from eeinfer.errors import BundleError, ConfigError
from eeinfer.machine.cores import physical_cores

_KNOWN_CASES = 4096  # of rows that stay and rows that left, for which is known what pays
_KEPT_BYTES = 1 << 26  # of buffers for a batch that wait for the next one
_SAME = 1e-4  # how far the optimised logits may be off, relative to the largest beyond 1
_SAME_HALF = 4e-3  # likewise in fp16: the optimiser leaves out roundings, which are of 5e-4 each
# ONNX Runtime has no bf16 convolutions for a CPU; of fp8 its optimiser, up to 1.32, drops every ReLU before a
# QuantizeLinear, and answers wrongly.
_NOT_HERE = ("bf16", "fp8")


class OrtBackend:
    """The segments of one bundle as ONNX Runtime sessions. Implements ``eeinfer.backends.base.Backend``."""

    name = "onnxruntime"

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str,
        threads: int | str | None,
        verify: bool,
        options: Mapping[str, str] | None = None,
    ) -> None:
        if options:
            raise ConfigError(f"backend 'onnxruntime' has no options on the CPU, got {', '.join(options)}")
        if bundle.manifest.precision in _NOT_HERE:
            raise BundleError(
                f"{bundle.path} is in {bundle.manifest.precision}, which ONNX Runtime does not compute on a CPU; "
                "run it with TensorRT on a GPU, or take the fp32 bundle that it was made from"
            )
        self.device = device
        flops = [segment.flops for segment in bundle.manifest.segments]
        profile = find_profile(bundle)
        plan = as_threads(profile.threads if profile and threads is None else threads, flops)
        if plan.mode == SHARED:
            share_threads(plan.counts[0])
        found = _found(bundle, plan, verify=verify)
        self._open = found or _optimised(OpenSegments(bundle, plan, optimised=False))
        self.threads = self._open.threads
        in_front = bytes_in_front(self._open.manifest)
        estimated = RowCosts.estimated(flops, in_front, threads=self.threads or 1)
        costs = profile.costs(in_front) if profile else estimated
        self._worth_compacting = lru_cache(_KNOWN_CASES)(costs.worth_compacting)
        self._idle: list[OrtRows] = []
        if threads is not None and self._open.counts != plan.counts:
            warnings.warn(f"threads={threads} has no effect: this process has one pool for all sessions", stacklevel=4)

    @property
    def optimised(self) -> bool:
        """Whether the segments run in the form that was optimised for this machine."""
        return self._open.optimised

    def new_lane(self) -> OrtLane:
        """Make the buffers for one image at a time."""
        return OrtLane(self._open.sessions, self._open.manifest)

    def start(self, images: NDArray[Any]) -> Live:
        """Take a batch into buffers that a call before has left, or into new ones; ``images`` are read in place."""
        try:
            rows = self._idle.pop()
        except IndexError:
            rows = None
        if rows is None or rows.capacity < len(images):
            rows = OrtRows(self._open.sessions, self._open.manifest, len(images))
        rows.load(images)
        return rows

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment from buffer to buffer."""
        exit: Exit = live.run(segment)
        return exit

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        """Ask the table of costs."""
        return self._worth_compacting(segment, rows, stays)

    def compact(self, live: Live, order: NDArray[Any]) -> Live:
        """Move the last rows into the holes."""
        live.compact(order)
        return live

    def release(self, live: Live) -> None:
        """Keep the buffers for the next batch, unless they are large."""
        if live.bytes <= _KEPT_BYTES:
            self._idle.append(live)


class OpenSegments:
    """The opened segments of one bundle, and what each reads, makes and leaves behind."""

    def __init__(self, bundle: Bundle, plan: Threads, *, optimised: bool) -> None:
        self.bundle, self.manifest, self.plan, self.optimised = bundle, bundle.manifest, plan, optimised
        segments, opened = self.manifest.segments, self._opened()
        self.sessions = [session for session, _ in opened]
        self.counts = tuple(count for _, count in opened)
        self.threads = max((count for count in self.counts if count is not None), default=None)
        for session, segment in zip(self.sessions, segments, strict=True):
            check_graph(session, segment, classes=len(self.manifest.classes), where=bundle.file(segment.file))

    def _opened(self) -> list[tuple[Any, int | None]]:
        """Open the sessions, those of a large bundle several at a time: their weights are packed meanwhile."""
        each = self.manifest.segments, self.plan.counts
        if self.bundle.is_small:
            return [*map(self._open, *each)]
        with ThreadPoolExecutor(physical_cores()) as pool:
            return [*pool.map(self._open, *each)]

    def _open(self, segment: Segment, threads: int) -> tuple[Any, int | None]:
        path = self.bundle.file(segment.file)
        return open_session(path, threads=threads, mode=self.plan.mode, optimised=self.optimised)

    def answers(self, images: NDArray[Any]) -> list[Exit]:
        """Return what every exit answers."""
        rows = OrtRows(self.sessions, self.manifest, len(images))
        rows.load(images)
        return [rows.run(k) for k in range(len(self.sessions))]


def _found(bundle: Bundle, plan: Threads, *, verify: bool) -> OpenSegments | None:
    """Return the segments in the form that an earlier opening left for this machine, if it did and that is sound."""
    found = optimised.find(bundle)
    if found is None:
        return None
    try:
        with optimised.checking(found) if verify else nullcontext():
            return OpenSegments(found, plan, optimised=True)
    except BundleError as error:
        optimised.forget(bundle, error)
        return None


def _optimised(plain: OpenSegments) -> OpenSegments:
    """Return the segments in the form that suits this machine if it can be made and answers the same."""
    if not optimised.wanted(plain.bundle):
        return plain
    images = _trial(plain.manifest.input.tensor)
    try:
        expected = plain.answers(images)
    except Exception:  # a segment that does not run is reported when the engine warms it up
        return plain
    made = optimised.make(plain.bundle)
    if made is None:
        return plain
    try:
        segments = OpenSegments(made, plain.plan, optimised=True)
        answers = segments.answers(images)
    except Exception as error:
        optimised.refuse(plain.bundle, f"optimised they do not run: {error}")
        return plain
    allowed = _SAME_HALF if plain.manifest.precision == "fp16" else _SAME
    if not all(_same(*pair, allowed) for pair in zip(expected, answers, strict=True)):
        optimised.refuse(plain.bundle, "optimised they answer differently")
        return plain
    return segments


def _trial(spec: TensorSpec) -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((2, *spec.sizes())).astype(spec.dtype)


def _same(expected: Exit, answer: Exit, allowed: float) -> bool:
    for wanted, got in ((expected.logits, answer.logits), (expected.score, answer.score)):
        size = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        if not np.allclose(wanted, got, rtol=0, atol=allowed * size, equal_nan=True):
            return False
    return True
