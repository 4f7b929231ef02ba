"""A tab of a headless Chromium that shows a server's page, driven through its debugging pipe."""

import base64
import fcntl
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser import BROWSER


class Tab:
    """Sends commands of the DevTools protocol, one after another."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest = write, read, b""
        self._numbers, self._session = itertools.count(1), {}
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}

    def do(self, method: str, **parameters: Any) -> Any:
        """Run a command and return its result."""
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                part = os.read(self._read, 1 << 16)
                assert part, "the browser has ended"
                self._rest += part
            message, _, self._rest = self._rest.partition(b"\0")
            found = json.loads(message)
            if found.get("id") == number:
                assert "error" not in found, found
                return found["result"]

    def run(self, script: str) -> Any:
        """Evaluate a script, wait for its promise, and return what it gives."""
        found = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, condition: str, seconds: float = 20) -> None:
        """Wait until a script's expression is true."""
        ms = seconds * 1e3
        done = self.run(
            f"(async () => {{ for (const end = Date.now() + {ms}; Date.now() < end;) "
            f"{{ if ({condition}) return true; await new Promise((go) => setTimeout(go, 30)); }} return false; }})()"
        )
        assert done, condition + "\n" + str(self.run("document.body.innerText"))

    def look(self, width: int, path: Path, *, dark: bool = False) -> None:
        """Write what the whole page looks like."""
        self.do(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.resize(width)
        shot = self.do("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def resize(self, width: int) -> None:
        """Give the window a width in pixels."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)


_AT_3_AND_4 = "import os, sys; os.dup2({}, 3); os.dup2({}, 4); os.execv(sys.argv[1], sys.argv[1:])"


def _high(file: int) -> int:
    """Move a file above the numbers that the browser reads from and writes to."""
    moved = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 20)
    os.close(file)
    return moved


@contextmanager
def tab(folder: Path) -> Iterator[Tab]:
    assert BROWSER is not None
    its_read, write = map(_high, os.pipe())
    read, its_write = map(_high, os.pipe())
    command = [
        *(sys.executable, "-c", _AT_3_AND_4.format(its_read, its_write), BROWSER, "--headless", "--no-sandbox"),
        *("--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"),
    ]
    process = subprocess.Popen(
        command, pass_fds=(its_read, its_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(its_read)
    os.close(its_write)
    try:
        yield Tab(write, read)
    finally:
        os.close(write)
        os.close(read)
        process.terminate()
        process.wait(20)
