"""Load tests: arrivals that nobody slows down, latencies from when a request was due, peers, and the simulation."""

import socketserver
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from eeinfer.backends.row_costs import RowCosts
from eeinfer.bench.serving.arrivals import arrivals
from eeinfer.bench.serving.driving import FAILED, REFUSED, Done, drive
from eeinfer.bench.serving.http_target import HttpTarget
from eeinfer.bench.serving.measure import LoadConfig
from eeinfer.bench.serving.run import LoadPlan, load_bundle
from eeinfer.bench.serving.simulate import simulate
from eeinfer.bench.serving.table import render_load
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError, DataError
from eeinfer.progress import silent
from eeinfer.serving import ServingConfig


@pytest.mark.parametrize("kind", ["poisson", "bursts"])
def test_arrivals_have_the_rate_that_was_asked(kind: str) -> None:
    times = arrivals(kind, 200, 50, seed=1)
    assert abs(len(times) / 50 - 200) < 25
    assert (np.diff(times) >= 0).all()
    assert times[-1] < 50
    together = (np.diff(times) == 0).mean()
    assert together > 0.9 if kind == "bursts" else together < 0.01


def test_a_trace_is_stretched_and_repeated(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("0\n1\n3\n")
    times = arrivals(str(trace), 10, 2, seed=0)
    assert 18 <= len(times) <= 22
    assert np.allclose(np.diff(times)[0::2], 2 * np.diff(times)[1])
    trace.write_text("one\n")
    with pytest.raises(DataError, match="is no trace"):
        arrivals(str(trace), 10, 2, seed=0)
    with pytest.raises(ConfigError, match="rate is 0"):
        arrivals("poisson", 0, 2, seed=0)


class Slow:
    """Holds the sender up at the first request."""

    def send(self, number: int, done: Done) -> None:
        if number == 0:
            time.sleep(0.1)
        threading.Timer(0.0, done, [REFUSED if number == 2 else 0]).start()


def test_latencies_count_from_when_a_request_was_due() -> None:
    found = drive(Slow(), [0.0, 0.01, 0.02, 0.2], 0.2)
    assert found.latency_ms[1] > 80
    assert found.latency_ms[3] < found.latency_ms[1]
    assert found.exits.tolist() == [0, 0, REFUSED, 0]
    assert found.share(FAILED) == 0
    assert found.late_ms > 50
    assert found.goodput(50) == 1 / 0.2


class Closes(socketserver.StreamRequestHandler):
    """Answers one request of a connection that was to be kept open, and closes it."""

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n"))
        self.rfile.read(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        body = b'{"outputs": [{"data": [2]}]}'
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def test_connections_that_the_server_has_closed_are_not_used_again() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), Closes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        target = HttpTarget(url, "m", "input", np.zeros((1, 2), np.float32), None, 3)
        found = drive(target, [0.0, 0.2, 0.4], 0.5)
        server.shutdown()
    target.close()
    assert found.exits.tolist() == [2, 2, 2]


def test_a_bundle_is_loaded_beside_its_peers(tiny_bundle: Path) -> None:
    plan = LoadPlan(rates=(200.0,), deadline_ms=1e4, seconds=0.2, rounds=1, names=("re-batching", "static"))
    report = load_bundle(tiny_bundle, ServingConfig(max_batch=4), plan, silent)
    ours, static = report.rows
    assert ours.requests == static.requests > 0
    assert (ours.refused, ours.failed) == (0, 0)
    assert ours.goodput == pytest.approx(ours.requests / 0.2)
    assert sum(ours.exits) == ours.requests
    assert all(ours.exits)
    assert (sum(static.exits), static.exits[0]) == (static.requests, static.requests)
    assert set(report.peaks) == {"re-batching", "static"}
    assert report.environment.how == "ONNX Runtime, the loop in Python: it was asked for"
    assert render_load(report).renderables
    with pytest.raises(ConfigError, match="unknown peer 'nobody'"):
        load_bundle(tiny_bundle, ServingConfig(), LoadPlan(names=("nobody",)), silent)
    with pytest.raises(ConfigError, match="rates are"):
        LoadConfig(rates=(), deadline_ms=1)


def test_a_simulation_counts_what_the_table_says(tiny_bundle: Path) -> None:
    bundle = Bundle.open(tiny_bundle)
    costs = RowCosts(sizes=(1, 2), segment_ms=((10.0, 11.0),) * 3, alive_bytes=(0, 0, 0))
    config = ServingConfig(max_batch=8, max_wait_ms=1e6)
    alone = simulate(bundle, costs, config, [0.0, 1.0, 2.0], [0, 1, 2], 3.0)
    np.testing.assert_allclose(alone.latency_ms, [10, 20, 30])
    assert alone.exits.tolist() == [0, 1, 2]
    crowd = simulate(bundle, costs, config, np.zeros(7), [2], 1.0)
    assert crowd.latency_ms.max() == pytest.approx(3 * 16)
    single = simulate(bundle, costs, ServingConfig(max_batch=1), np.zeros(8), [2], 1.0)
    assert single.latency_ms.max() == pytest.approx(8 * 30)
