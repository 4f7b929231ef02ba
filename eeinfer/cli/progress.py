"""Progress on stderr: bars for people at a terminal, plain lines in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from eeinfer.bundle.labels import printable
from eeinfer.cli.app import say
from eeinfer.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

_REDRAW_SECONDS = 0.1
_LINE_SECONDS = 15.0  # between two lines on the same work in a log
_PIPE_WIDTH = 160  # columns where no terminal says how wide it is: enough for every table


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Yield what long work calls with its position; one bar per kind of step, gone when the work is done."""
    if not sys.stderr.isatty():
        yield _logged()
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    # A thread of its own that redraws the bar would fall into the calls that bench times.
    with Bars(console=Console(stderr=True), transient=True, auto_refresh=False) as bars:
        tasks: dict[str, TaskID] = {}
        drawn = 0.0

        def show(doing: str, done: int = 0, planned: int = 0) -> None:
            nonlocal drawn
            if not planned:
                bars.console.print(doing, highlight=False, markup=False)
                return
            if doing not in tasks:
                tasks[doing] = bars.add_task(doing, total=planned)
            bars.update(tasks[doing], completed=done, total=planned)
            if perf_counter() - drawn > _REDRAW_SECONDS:
                bars.refresh()
                drawn = perf_counter()

        yield show


def tell(doing: str, done: int = 0, planned: int = 0) -> None:
    """Print a line for everything that work is at."""
    say(doing)


def _logged() -> Progress:
    """What is no step is a line; of each kind of step there is one when it begins, and one every now and then."""
    begun: dict[str, tuple[int, float]] = {}
    told = 0.0

    def show(doing: str, done: int = 0, planned: int = 0) -> None:
        nonlocal told
        if not planned:
            say(doing)
        elif doing not in begun:
            begun[doing], told = (done, perf_counter()), perf_counter()
            say(f"{doing} ...")
        elif perf_counter() - told > _LINE_SECONDS and done < planned:
            told = perf_counter()
            first, since = begun[doing]
            left = (told - since) / max(done - first, 1) * (planned - done)
            say(f"{doing}: {done} of {planned} ({done / planned:.0%}), about {left:.0f} s left")

    return show


def print_table(content: "RenderableType") -> None:
    """Print something of rich's on stdout; in a pipe it is as wide as it needs to be, without colours."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(_Harmless(content))


class _Harmless:
    """Something of rich's whose own words do nothing to a terminal: names in a bundle are others' words."""

    def __init__(self, content: "RenderableType") -> None:
        self._content = content

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Segment]":
        from rich.segment import Segment

        for text, style, control in console.render(self._content, options):
            shown = text if control else "\n".join(map(printable, text.split("\n")))
            yield Segment(shown, style, control)
