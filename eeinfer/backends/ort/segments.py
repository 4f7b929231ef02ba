"""The opened segments of one bundle: in the form that was optimised for this machine, or as they were exported."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from eeinfer.backends.graph_check import Graph, check_graph
from eeinfer.backends.ort import optimised
from eeinfer.backends.ort.bound import binder
from eeinfer.backends.ort.sessions import open_session
from eeinfer.backends.rows import HostLane
from eeinfer.backends.threads import Threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Segment
from eeinfer.bundle.optimised import Form
from eeinfer.errors import BundleError, first_line
from eeinfer.machine.cores import physical_cores
from eeinfer.rule import answer_fault

_TOLD = 256  # failures that are remembered to have been told of

log = logging.getLogger(__name__)


class OpenSegments:
    """The opened segments of one bundle, and what each reads, makes and leaves behind."""

    def __init__(self, bundle: Bundle, plan: Threads, *, optimised: bool) -> None:
        self.bundle, self.manifest, self.plan, self.optimised = bundle, bundle.manifest, plan, optimised
        self.tried: HostLane | None = None  # in which every segment has run
        segments, opened = self.manifest.segments, self._opened()
        self.sessions = [session for session, _ in opened]
        self.counts = tuple(count for _, count in opened)
        self.threads = max((count for count in self.counts if count is not None), default=None)
        for session, segment in zip(self.sessions, segments, strict=True):
            check_graph(
                Graph.of_session(session), segment, classes=len(self.manifest.classes), where=bundle.file(segment.file)
            )

    def try_out(self) -> None:
        """Run every segment once, on zeros: what opens may still not run.

        Raises:
            BundleError: a segment answers with what no score or class can be.
            Exception: whatever ONNX Runtime raises where one does not run.
        """
        lane = HostLane(binder(self.sessions), self.manifest)
        for k, (segment, exit) in enumerate(zip(self.manifest.segments, lane.exits, strict=True)):
            fault = answer_fault(lane.run(k), exit.prediction.item(), len(self.manifest.classes))
            if fault is not None:
                raise BundleError(f"{self.bundle.file(segment.file)} {fault}")
        self.tried = lane

    def _opened(self) -> list[tuple[Any, int | None]]:
        """Open the sessions, those of a large bundle several at a time: their weights are packed meanwhile."""
        each = self.manifest.segments, self.plan.counts
        if self.bundle.is_small:
            return [*map(self._open, *each)]
        try:
            with ThreadPoolExecutor(physical_cores()) as pool:
                return [*pool.map(self._open, *each)]
        except RuntimeError:  # no thread can be started, as under a limit of processes
            return [*map(self._open, *each)]

    def _open(self, segment: Segment, threads: int) -> tuple[Any, int | None]:
        path = self.bundle.file(segment.file)
        return open_session(path, threads=threads, mode=self.plan.mode, optimised=self.optimised)


def open_segments(bundle: Bundle, plan: Threads, *, verify: bool) -> OpenSegments:
    """Open the segments of ``bundle`` in the form for this machine, or its own where there is none that runs.

    Raises:
        BundleError: a segment of the bundle itself is not what the manifest says.
    """
    for form in optimised.find(bundle):
        try:
            with form.opening(verify=verify):
                opened = OpenSegments(form.bundle, plan, optimised=True)
                opened.try_out()
            return opened
        except Exception as error:  # noqa: PERF203 - there are two at most, and whatever it is, the bundle's own run
            _report(bundle, form, error)
    return OpenSegments(bundle, plan, optimised=False)


def _report(bundle: Bundle, form: Form, error: Exception) -> None:
    """Put a form aside if its files are damaged; if they are not, the reason may be gone the next time."""
    try:
        form.check()
    except BundleError as damage:
        optimised.discard(bundle, form.path, damage, record=form.record)
    except OSError as unreadable:
        log.warning("%s is not used: %s", form.path, unreadable)
    else:
        _tell_unused(str(form.path), first_line(error))


@lru_cache(_TOLD)  # said once: a form that is there is tried a second time in one load, by which the reason may be gone
def _tell_unused(path: str, reason: str) -> None:
    log.warning("%s is not used, the segments run as they are: %s", path, reason)
