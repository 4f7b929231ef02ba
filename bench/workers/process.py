"""A peer's process as its parent sees it: started, asked, waited for, and ended whatever it does."""

import queue
import signal
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import TypeVar

import msgspec

from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import NotAnswered, Unavailable

Answer = TypeVar("Answer", bound=messages.Reply)

_TAIL_BYTES = 4000
_GRACE_SECONDS = 5.0
MODULE = "eeinfer.bench.workers.worker"


class PeerFailed(Exception):
    """The process died, hung, or something in it raised; the text is one line for the report."""


class PeerProcess:
    """One worker. While nothing is asked of it, it sleeps on its stdin."""

    def __init__(self, name: str, *, module: str = MODULE) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, request: messages.Request, kind: type[Answer], *, seconds: float) -> Answer:
        """Send a request and wait for its reply.

        Raises:
            Unavailable: the peer cannot do it, and why; NotAnswered where the bundle is at fault.
            PeerFailed: it died, raised, answered with something else, or did not answer within ``seconds``; the
                process is gone then.
        """
        self._send(request)
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.kill()
            raise PeerFailed(f"no answer within {seconds:.0f} s to {_what(request)}: stopped") from None
        if line is None:
            raise self._death(request)
        return self._read(line, kind)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def close(self) -> None:
        """Let it end by itself, and end it where it does not."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(_GRACE_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            self.kill()
        self._errors.close()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "PeerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        self.close()

    def _send(self, request: messages.Request) -> None:
        pipe = self._process.stdin
        try:
            if pipe is None or pipe.closed:
                raise self._death(request)
            pipe.write(messages.write(request) + b"\n")
            pipe.flush()
        except OSError as error:
            raise self._death(request) from error

    def _read(self, line: bytes, kind: type[Answer]) -> Answer:
        try:
            reply = messages.read_reply(line)
        except msgspec.DecodeError as error:
            self.kill()
            raise PeerFailed(f"its process answered with something else: {line[:80]!r}") from error
        if isinstance(reply, messages.Refused):
            raise (NotAnswered if reply.of_bundle else Unavailable)(reply.reason)
        if isinstance(reply, messages.Broke):
            self.kill()
            raise PeerFailed(reply.error)
        if not isinstance(reply, kind):
            self.kill()
            raise PeerFailed(f"its process answered {type(reply).__name__} where {kind.__name__} was due")
        return reply

    def _death(self, request: messages.Request) -> PeerFailed:
        status = self._process.wait()
        how = f"exit status {status}" if status >= 0 else f"signal {_signal_name(-status)}"
        words = self._last_words()
        return PeerFailed(f"its process ended with {how} on {_what(request)}" + (f": {words}" if words else ""))

    def _last_words(self) -> str:
        size = self._errors.seek(0, 2)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:200] if lines else ""

    def _listen(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        with pipe:
            for line in pipe:
                self._lines.put(line)
        self._lines.put(None)


def _what(request: messages.Request) -> str:
    name = type(request).__name__.lower()
    return f"{name} {request.workload.name!r}" if isinstance(request, messages.Run) else name


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
