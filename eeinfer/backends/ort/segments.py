"""The opened segments of one bundle: in the form that was optimised for this machine, or as they were exported."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from eeinfer.backends.graph_check import Graph, check_graph
from eeinfer.backends.ort import optimised
from eeinfer.backends.ort.sessions import open_session
from eeinfer.backends.threads import Threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Segment
from eeinfer.bundle.optimised import Form
from eeinfer.errors import BundleError
from eeinfer.machine.cores import physical_cores

log = logging.getLogger(__name__)


class OpenSegments:
    """The opened segments of one bundle, and what each reads, makes and leaves behind."""

    def __init__(self, bundle: Bundle, plan: Threads, *, optimised: bool) -> None:
        self.bundle, self.manifest, self.plan, self.optimised = bundle, bundle.manifest, plan, optimised
        segments, opened = self.manifest.segments, self._opened()
        self.sessions = [session for session, _ in opened]
        self.counts = tuple(count for _, count in opened)
        self.threads = max((count for count in self.counts if count is not None), default=None)
        for session, segment in zip(self.sessions, segments, strict=True):
            check_graph(
                Graph.of_session(session), segment, classes=len(self.manifest.classes), where=bundle.file(segment.file)
            )

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


def open_segments(bundle: Bundle, plan: Threads, *, verify: bool) -> OpenSegments:
    """Open the segments of ``bundle`` in the form for this machine, or its own where there is none that is sound.

    Raises:
        BundleError: a segment of the bundle itself is not what the manifest says.
    """
    for form in optimised.find(bundle):
        try:
            with form.opening(verify=verify):
                return OpenSegments(form.bundle, plan, optimised=True)
        except (BundleError, OSError) as error:  # noqa: PERF203 - there are two at most
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
        log.warning("%s is not used: %s", form.path, error)
