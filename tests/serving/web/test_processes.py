"""Workers that are killed, bundles that are swapped under load, a token, and draining."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
import servers
from http_servers import listening

GOOD = json.dumps(
    {"inputs": [{"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.5] * 64}]}
).encode()


def status_of(server: servers.Server, model: str = "copy", **headers: str) -> int:
    """The status of an inference; 0 where the connection broke."""
    request = urllib.request.Request(f"http://{server.http}/v2/models/{model}/infer", GOOD, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            json.loads(reply.read())
            return reply.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


class Load(threading.Thread):
    """Asks again and again until told to stop, a thousand times at most."""

    def __init__(self, server: servers.Server) -> None:
        super().__init__(daemon=True)
        self.server, self.found, self.enough = server, list[int](), threading.Event()

    def run(self) -> None:
        while not self.enough.is_set() and len(self.found) < 1000:
            self.found.append(status_of(self.server))
            time.sleep(0.005)

    def stop(self) -> list[int]:
        self.enough.set()
        self.join(40)
        assert not self.is_alive()
        return self.found


def test_a_killed_worker_comes_back_and_swaps_lose_nothing(bundle_copy: Path, tmp_path: Path) -> None:
    spare = shutil.copytree(bundle_copy, tmp_path / "spare.eeb")
    with servers.serving(bundle_copy, "--max-batch", "4", "--reload") as server:
        url = f"http://{server.http}/v2/repository/models/copy/load"
        load = Load(server)
        load.start()
        for _ in range(5):
            urllib.request.urlopen(urllib.request.Request(url, b""), timeout=30).close()
        (bundle_copy / "manifest.json").write_text("{")  # a broken one is refused, the old one serves on
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(url, b""), timeout=30)
        with refused.value as error:
            assert (error.code, "not loaded" in json.loads(error.read())["error"]) == (400, True)
        assert set(load.stop()) == {200}
        shutil.rmtree(bundle_copy)
        spare.rename(bundle_copy)
        wait_for_version(server, "7")

        load = Load(server)
        load.start()
        [before] = server.workers()
        os.kill(before, signal.SIGKILL)
        until = time.monotonic() + 30
        while time.monotonic() < until and (server.workers() in ([], [before]) or load.found[-1:] != [200]):
            time.sleep(0.05)
        found = load.stop()
        assert set(found) <= {0, 200}
        assert found[-1] == 200
        assert server.workers() != [before]


def wait_for_version(server: servers.Server, version: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with urllib.request.urlopen(f"http://{server.http}/v2/models/copy", timeout=20) as reply:
            if json.loads(reply.read())["versions"] == [version]:
                return
        time.sleep(0.1)
    raise AssertionError("".join(server.log))


def test_a_token_is_asked_for_and_a_stop_drains(tiny_bundle: Path) -> None:
    with servers.serving(tiny_bundle, "--max-batch", "2", environment={"EEINFER_TOKEN": "secret"}) as server:
        assert status_of(server, "tiny") == 401
        assert status_of(server, "tiny", Authorization="Bearer secreT") == 401
        assert status_of(server, "tiny", Authorization="Bearer secret") == 200
        with urllib.request.urlopen(f"http://{server.http}/v2/health/ready", timeout=20) as reply:
            assert json.loads(reply.read()) == {"ready": True}
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


def test_a_server_that_is_about_to_stop_says_so_with_an_answer(tiny_bundle: Path) -> None:
    """A client that asks on is to do so elsewhere: what it sends while its connection is closed would be lost."""
    from eeinfer.serving import Observer
    from eeinfer.serving.web.models import Models
    from eeinfer.serving.web.processes.worker import _http_server
    from eeinfer.serving.web.settings import ServerSettings
    from eeinfer.serving.web.state import State

    settings = ServerSettings(bundles=(tiny_bundle,))
    models = Models(settings, lambda *_: Observer())
    models.load_all()
    state = State(settings=settings, models=models)
    config = _http_server(settings, state, lambda: None).config
    head = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(GOOD)
    with listening(config.app, config.http) as at, socket.create_connection(at.address, timeout=10) as connection:
        for state.draining in (False, True):
            connection.sendall(head + GOOD)
            found = connection.recv(65536)
            assert (b" 200 " in found, b"connection: close" in found) == (True, state.draining)
        assert connection.recv(1) == b""
    models.close()


def test_tls_and_workers_serve_on_where_the_log_cannot_be_written(tiny_bundle: Path, tmp_path: Path) -> None:
    if (openssl := shutil.which("openssl")) is None or not Path("/dev/full").exists():
        pytest.skip("no openssl to make a certificate, or no device that is always full")
    pair = [tmp_path / "key.pem", tmp_path / "certificate.pem"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair[0], "-out", pair[1], *subject]
    subprocess.run(made, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "eeinfer", "serve", str(tiny_bundle), "--http", str(port), "--grpc", "-1"]
    command += [
        "--metrics",
        "-1",
        "--workers",
        "2",
        "--threads",
        "1",
        "--key",
        str(pair[0]),
        "--certificate",
        str(pair[1]),
    ]
    trusted, url = ssl.create_default_context(cafile=pair[1]), f"https://127.0.0.1:{port}/v2"
    with Path("/dev/full").open("w") as full, subprocess.Popen([*command, "--max-batch", "2"], stderr=full) as process:
        try:
            wait_until_ready(f"{url}/health/ready", trusted)
            time.sleep(1)  # by then all workers are ready, and that was told
            with urllib.request.urlopen(f"{url}/models/tiny/infer", GOOD, timeout=20, context=trusted) as reply:
                assert reply.status == 200
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{url}/repository/models/tiny/load", b"", timeout=20, context=trusted)
            with refused.value as error:
                assert (error.code, "2 workers" in json.loads(error.read())["error"]) == (409, True)
            assert process.poll() is None
        finally:
            process.terminate()


def wait_until_ready(url: str, trusted: ssl.SSLContext) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError):
            urllib.request.urlopen(url, timeout=5, context=trusted).close()
            return
        time.sleep(0.1)
    raise AssertionError("the server does not start")


def test_a_port_in_use_is_told_at_once(tiny_bundle: Path, server: servers.Server) -> None:
    port = server.http.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "eeinfer", "serve", str(tiny_bundle), "--http", port, "--grpc", "-1"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert f"127.0.0.1:{port} cannot be listened on" in found.stderr
