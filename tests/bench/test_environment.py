import os
import platform
import socket
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from eeinfer.bench import BenchConfig, Report, measure
from eeinfer.bench.environment import environment
from eeinfer.bench.peers.kinds.cascade import Cascade
from eeinfer.bench.reporting.sentences import circumstances, facts
from eeinfer.bench.workers.base import Setup
from eeinfer.machine import cache


def test_versions_and_machine_are_named() -> None:
    found = environment("cpu", 2, 0.5)
    assert found.versions.keys() >= {"eeinfer", "onnxruntime", "numpy"}
    assert found.cpu
    assert found.cores >= 1
    assert found.python == platform.python_version()


def test_neither_host_nor_user_is_named() -> None:
    text = msgspec.json.encode(environment("cpu", None, None)).decode()
    assert socket.gethostname() not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111  # a plain string is what is looked for


def test_that_segments_ran_as_exported_is_said_and_nothing_otherwise() -> None:
    assert "plain" not in msgspec.json.decode(msgspec.json.encode(environment("cpu", 2, 0.5)))
    assert msgspec.json.decode(msgspec.json.encode(environment("cpu", 2, 0.5, plain=True)))["plain"] is True


def test_a_report_says_so_too(report: Report) -> None:
    assert not report.environment.plain
    assert "as exported" not in circumstances(report)
    place = msgspec.structs.replace(report.environment, plain=True)
    plain = msgspec.structs.replace(report, environment=place)
    assert "1 thread, segments as exported, batch" in circumstances(plain)
    assert "eeinfer doctor" in dict(facts(plain))["segments"]


def test_a_measurement_without_a_cache_is_of_the_segments_as_exported(
    tiny_bundle: Path, digits: tuple[Any, Any], quick: BenchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert measure(tiny_bundle, *digits, quick, data="noise").environment.plain


def test_a_backend_that_was_named_was_asked_for(report: Report, tiny_bundle: Path) -> None:
    assert "asked for" not in (report.environment.how or "")
    images, labels = np.zeros((8, 8, 8), np.uint8), np.zeros(8, np.int64)
    config = BenchConfig(
        thresholds=2, min_seconds=0, rounds=1, latency_samples=2, pairs=1, warmup=0, threads=1, backend="onnxruntime"
    )
    named = measure(tiny_bundle, images, labels, config)
    assert named.environment.how == "ONNX Runtime, the loop in Python: it was asked for"


def test_a_peer_says_so_too(tiny_bundle: Path, tmp_path: Path) -> None:
    setup = Setup(
        bundle=str(tiny_bundle),
        checkpoint=None,
        folder=str(tmp_path),
        images="",
        batch=1,
        threads=1,
        threads_asked="parked:1",
    )
    assert "asked for" not in (Cascade(setup).how or "")
    named = Cascade(msgspec.structs.replace(setup, backend_asked="onnxruntime"))
    assert named.how == "ONNX Runtime, the loop in Python: it was asked for"
