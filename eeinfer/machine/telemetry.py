"""ONNX Runtime's reports of its use: official builds from 1.32 on send them over the network unless told not to."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "ORT_DISABLE_TELEMETRY"  # read once, by the first import

_importing = threading.RLock()


@contextmanager
def silenced() -> Iterator[None]:
    """Keep an ONNX Runtime that the block imports from reporting its use and from writing into the user's home.

    Where somebody imported it before, or set the variable, that stands. The environment is as it was afterwards.
    """
    with _importing:
        if "onnxruntime" in sys.modules or VARIABLE in os.environ:
            yield
            return
        os.environ[VARIABLE] = "1"
        try:
            yield
        finally:
            os.environ.pop(VARIABLE, None)
