"""A Ray of this machine with Serve on it."""

import os
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_STARTS_S = 120


@contextmanager
def running() -> Iterator[str]:
    """Start both and yield the address of Serve's proxy, host:port; skipped where it is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is written into the user's folder
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for name in ("READY", "HEALTH"):  # Serve kills a proxy that a busy machine does not start within 5 s
            patch.setenv(f"RAY_SERVE_PROXY_{name}_CHECK_TIMEOUT_S", str(_STARTS_S))
        ray = pytest.importorskip("ray", reason="no Ray here; .ci/hosts installs it and runs this test")
        serve = pytest.importorskip("ray.serve", reason="no Ray Serve here; .ci/hosts installs it and runs this test")
        logs = {"log_to_driver": False, "configure_logging": False}
        ray.init(num_cpus=8, include_dashboard=False, object_store_memory=100 << 20, **logs)
        port = _free_port()
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            yield f"127.0.0.1:{port}"
        finally:
            serve.shutdown()
            ray.shutdown()


def replicas(application: str) -> list[int]:
    """The processes of an application's replicas, of the Ray that this process has started."""
    title = f"ray::ServeReplica:{application}:".encode()
    found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if _told(path).startswith(title)]
    return [number for number in found if _is_below(number, os.getpid())]


def _is_below(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        facts = _told(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()
        process = int(facts[1]) if facts else 0
    return process == ancestor


def metrics() -> str:
    """What Prometheus reads at this node."""
    import ray

    node = ray.nodes()[0]
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(address, timeout=20) as found:
        return str(found.read().decode())


def until(done: Callable[[], Any]) -> Any:
    """Return what is true in the end, asked again and again."""
    ends = time.monotonic() + _STARTS_S
    while not (found := done()):
        assert time.monotonic() < ends
        time.sleep(0.1)
    return found


def _told(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
        return number
