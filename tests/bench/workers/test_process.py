import os
import subprocess
import sys
from pathlib import Path

import pytest

from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Unavailable
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.bench.workers.settle import settle


@pytest.fixture
def setup(tiny_bundle: Path, tmp_path: Path) -> Setup:
    images = str(tmp_path / "images.npy")
    return Setup(
        bundle=str(tiny_bundle),
        checkpoint=None,
        folder=str(tmp_path),
        images=images,
        batch=1,
        threads=1,
        threads_asked=1,
    )


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "fakes"), prepend=os.pathsep)
    return "broken_worker"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("crash", "ended with exit status 7 on measure: the roof is on fire"),
        ("abort", "ended with signal SIGABRT on measure"),
        ("hang", "no answer within 1 s to measure: stopped"),
        ("babble", "answered with something else: b'loading model"),
        ("other", "answered Memory where Done was due"),
    ],
)
def test_whatever_a_process_does_its_parent_gets_one_line(
    broken: str, how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EEINFER_TEST_WORKER", how)
    with PeerProcess("some", module=broken) as process:
        kind = messages.Done if how == "other" else messages.Memory
        with pytest.raises(PeerFailed, match=words):
            process.ask(messages.Measure(), kind, seconds=1 if how == "hang" else 30)
        with pytest.raises(PeerFailed, match="ended"):  # and from then on it is gone
            process.ask(messages.Measure(), messages.Memory, seconds=30)


def test_a_peer_that_cannot_run_says_why_and_lives_on(setup: Setup) -> None:
    with PeerProcess("torch") as process:
        with pytest.raises(Unavailable, match="--checkpoint"):
            process.ask(messages.Prepare(peer="torch", setup=setup), messages.Done, seconds=60)
        assert process.ask(messages.Measure(), messages.Memory, seconds=60).peak_mb > 1


def test_what_a_peer_raises_is_named_with_its_class(setup: Setup) -> None:
    with PeerProcess("static") as process, pytest.raises(PeerFailed, match=r"FileNotFoundError: .*images\.npy"):
        process.ask(messages.Open(peer="static", setup=setup), messages.Opened, seconds=60)


def test_what_libraries_print_does_not_reach_the_replies() -> None:
    code = (
        "import sys, os; from eeinfer.bench.workers import worker; channel = worker.own_channel(); "
        "print('noise', flush=True); os.write(1, b'more noise\\n'); channel.write(b'reply\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"reply\n"
    assert done.stderr.splitlines() == [b"noise", b"more noise"]


def test_settling_waits_for_a_busy_process_but_not_for_ever() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert settle(busy.pid, 0.2) is False
    finally:
        busy.kill()
        busy.wait()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as asleep:
        assert settle(asleep.pid, 0.5) is True
        assert asleep.stdin is not None
        asleep.stdin.close()
        asleep.kill()
