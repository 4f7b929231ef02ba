"""A Triton over model repositories: the one that the nvidia-pytriton wheel carries, with the Python backend alone."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_STARTS_S = 300  # each model is a process of its own


@dataclass(frozen=True, kw_only=True)
class Triton:
    http: str  # host:port
    grpc: str


def wheel() -> Path:
    """The folder of the wheel; the test is skipped where it is not installed."""
    found = importlib.util.find_spec("pytriton")
    if found is None or found.origin is None:
        pytest.skip("no Triton here; .ci/hosts installs nvidia-pytriton and runs this test")
    package = Path(found.origin).parent
    if not _stub(package).is_file():
        pytest.skip(f"the wheel of Triton runs no models in Python {sys.version_info[0]}.{sys.version_info[1]}")
    return package


@contextmanager
def running(repositories: list[Path], folder: Path) -> Iterator[Triton]:
    """Start it and wait until every model is ready; ``folder`` takes its backends and its log."""
    package = wheel()
    command = [str(package / "tritonserver" / "bin" / "tritonserver"), "--exit-timeout-secs=5"]
    command += [f"--model-repository={path}" for path in repositories]
    ports = _free_ports(3)
    command += [f"--{name}-port={port}" for name, port in zip(("http", "grpc", "metrics"), ports, strict=True)]
    command += [f"--backend-directory={_backends(package, folder)}"]
    libraries = [sysconfig.get_config_var("LIBDIR"), str(package.parent / "nvidia_pytriton.libs")]
    environment = os.environ | {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),  # of this Python, which Triton's stub embeds
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = folder / "triton.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        _wait(process, f"http://127.0.0.1:{ports[0]}/v2/health/ready", log)
        yield Triton(http=f"127.0.0.1:{ports[0]}", grpc=f"127.0.0.1:{ports[1]}")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _backends(package: Path, folder: Path) -> Path:
    """Put the Python backend together with its stub for this Python."""
    backend = shutil.copytree(package / "tritonserver" / "backends" / "python", folder / "backends" / "python")
    shutil.copy(_stub(package), backend)
    return backend.parent


def _stub(package: Path) -> Path:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return package / "tritonserver" / "python_backend_stubs" / version / "triton_python_backend_stub"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + _STARTS_S
    while time.monotonic() < until and process.poll() is None:
        if _answers(url):
            return
        time.sleep(0.1)
    raise AssertionError(f"Triton does not start: {log.read_text(errors='replace')[-4000:]}")


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:  # refused, or not ready
        return False
    return True
