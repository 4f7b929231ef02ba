"""What TensorRT says while it works, and Ctrl-C while it does not listen."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


def error_log(trt: Any) -> Any:
    """Make a logger for ``trt`` that keeps errors in ``errors``, oldest first, and drops the rest.

    Its class has to be one of the library's. TensorRT's recorder of errors would be the place for them, but in
    TensorRT-RTX 1.7 a parser made while one is set crashes when it goes.
    """
    kept = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)

    class ErrorLog(trt.ILogger):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, text: str) -> None:
            if severity in kept:
                self.errors.append(text)

    return ErrorLog()


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait for the end of the block: where a library calls Python back, the exception would be lost."""
    if threading.current_thread() is not threading.main_thread():  # which has no part in signals
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
        if pressed:
            signal.raise_signal(signal.SIGINT)
