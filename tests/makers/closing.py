"""An engine that is closed while threads call it and a stream of it is under way."""

import contextlib
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from eeinfer import EeinferError, Engine

_CALLERS = 4


@dataclass(frozen=True, kw_only=True)
class Closed:
    """What came of it."""

    answered: set[int]  # what calls gave before it was closed
    streamed: int  # rows
    held: Callable[[], Any]  # what the engine held; None once nobody holds it any more


def closed_under_callers(
    opened: Callable[[], Engine], images: Any, ask: Callable[[Engine], Iterable[int]], held: Callable[[Engine], Any]
) -> Closed:
    """Open an engine, let threads ``ask`` it until it is closed, and read its stream to the end afterwards.

    Args:
        opened: opens it; nobody else may hold it.
        images: of the stream.
        ask: calls it again and again.
        held: what has to go with it.
    """
    engine, done = opened(), list[int]()

    def call(engine: Engine) -> None:
        with contextlib.suppress(EeinferError):  # it is closed
            done.extend(ask(engine))

    callers = [threading.Thread(target=call, args=(engine,)) for _ in range(_CALLERS)]
    for caller in callers:
        caller.start()
    stream = engine.stream(images)
    next(stream)
    kept = weakref.ref(held(engine))
    engine.close()
    for caller in callers:
        caller.join()
    return Closed(answered=set(done), streamed=sum(map(len, stream)), held=kept)
