"""Progress on stderr: bars for people at a terminal, plain lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from eeinfer.cli.app import say

StepProgress = Callable[[str, int, int], None]  # what is being done, how many steps are done, how many are planned

_REDRAW_SECONDS = 0.1
_PIPE_WIDTH = 160  # columns where no terminal says how wide it is: enough for every table


@contextmanager
def step_bar() -> Iterator[StepProgress]:
    """Yield what long work calls with its position; one bar per kind of step, gone when the work is done."""
    if not sys.stderr.isatty():
        yield _log_steps()
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    # A thread of its own that redraws the bar would fall into the calls that bench times.
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        tasks: dict[str, TaskID] = {}
        drawn = 0.0

        def show(doing: str, done: int, planned: int) -> None:
            nonlocal drawn
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=planned)
            progress.update(tasks[doing], completed=done, total=planned)
            if perf_counter() - drawn > _REDRAW_SECONDS:
                progress.refresh()
                drawn = perf_counter()

        yield show


def _log_steps() -> StepProgress:
    """One line per kind of step, when it begins."""
    begun: set[str] = set()

    def show(doing: str, _done: int, _planned: int) -> None:
        if doing not in begun:
            begun.add(doing)
            say(f"{doing} ...")

    return show


def print_table(content: object) -> None:
    """Print something of rich's on stdout; in a pipe it is as wide as it needs to be, without colours."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(content)
