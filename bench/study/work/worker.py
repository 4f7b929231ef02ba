"""One process, one job: reads it from stdin, tells on stdout how it goes, and ends when whoever started it is gone."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.work.jobs import Job, do
from eeinfer.bench.study.work.messages import Failed, Finished, Message, Moved, read_order, write
from eeinfer.errors import EeinferError, first_line
from eeinfer.progress import Progress

_TELL_S = 0.5


def main() -> None:
    """Do what the first line of stdin says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; whoever started us ends us
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no message
    order = read_order(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(message: Message) -> None:
        os.write(answers, write(message))

    tell(attempt(order.job, Places(Path(order.out)), throttled(tell)))


def attempt(job: Job, places: Places, progress: Progress) -> Finished | Failed:
    """Do a job, and say what became of it: what goes wrong is one run's, not the study's."""
    try:
        do(job, places, progress)
    except EeinferError as error:
        return Failed(reason=first_line(error))
    except Exception as error:  # a defect of ours, or of a library under these settings
        traceback.print_exc()
        return Failed(reason=f"{type(error).__name__}: {first_line(error)}")
    return Finished()


def throttled(tell: Callable[[Message], object]) -> Progress:
    """Return progress as messages, most of them left out: a batch takes milliseconds."""
    last = -_TELL_S

    def progress(doing: str, done: int = 0, planned: int = 0) -> None:
        nonlocal last
        if planned and monotonic() - last > _TELL_S:
            last = monotonic()
            tell(Moved(doing=doing, done=done, planned=planned))

    return progress


def _end_with_parent() -> None:
    """Two processes must not train one run: a worker whose parent was killed ends before another call begins."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
