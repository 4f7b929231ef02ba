"""`eeinfer serve` as a process of its own, on free ports of this machine."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_STARTS_S = 60


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    http: str  # host:port
    grpc: str
    metrics: str
    log: list[str] = field(default_factory=list)

    def workers(self) -> list[int]:
        """The processes that serve: children which have the HTTP port's socket and run Python's spawn."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                command = (path.parent / "cmdline").read_text()
            except OSError:  # it has ended
                continue
            if parent == self.process.pid and "spawn_main" in command:
                found.append(int(path.parent.name))
        return found


@contextmanager
def serving(*arguments: str | Path, environment: dict[str, str] | None = None) -> Iterator[Server]:
    ports = ["--http", "0", "--grpc", "0", "--metrics", "0"]
    command = [sys.executable, "-m", "eeinfer", "serve", *map(str, arguments), *ports]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {}))
    log: list[str] = []
    reader = threading.Thread(target=lambda: log.extend(iter(process.stderr.readline, "")), daemon=True)  # type: ignore[union-attr]
    reader.start()
    try:
        found = _addresses(process, log)
        yield Server(process, *found, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(5)
        process.stderr.close()  # type: ignore[union-attr]


def _addresses(process: "subprocess.Popen[str]", log: list[str]) -> tuple[str, str, str]:
    until = time.monotonic() + _STARTS_S
    while time.monotonic() < until and process.poll() is None:
        text = "".join(log)
        if found := re.search(r"ready: https?://(\S+)/v2.*gRPC (\S+).*metrics http://(\S+)/metrics", text, re.DOTALL):
            return found[1], found[2], found[3]
        time.sleep(0.02)
    raise AssertionError(f"the server does not start: {''.join(log)}")
