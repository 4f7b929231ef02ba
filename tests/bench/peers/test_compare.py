import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eeinfer.bench.peers import PeersConfig, PeersReport, compare
from eeinfer.bench.peers.registry import PEERS, peer_class
from eeinfer.bench.peers.reporting import plots, sentences
from eeinfer.bench.workers import messages, rounds
from eeinfer.bench.workers import process as processes
from eeinfer.bench.workers.base import Workload
from eeinfer.bench.workers.process import PeerFailed
from eeinfer.bench.workers.rounds import Turns, run_rounds
from eeinfer.errors import ConfigError, EeinferError, InputError
from eeinfer.machine import cache

WORKLOADS = ["exit 0", "exit 1", "never leaving", "mix"]


def test_peers_come_in_the_order_of_the_table_the_engine_first(peers_report: PeersReport) -> None:
    names = [peer.name for peer in peers_report.peers]
    assert names == [
        "eeinfer",
        "native",
        "predict_one",
        "static",
        "static tuned",
        "cut",
        "sessions",
        "torch",
        "openvino",
        "openvino cut",
        "openvino cascade",
    ]


def test_whoever_ran_has_every_workload_and_the_engine_is_its_own_measure(peers_report: PeersReport) -> None:
    assert {
        "eeinfer",
        "predict_one",
        "static",
        "static tuned",
        "cut",
        "sessions",
        "openvino",
        "openvino cut",
        "openvino cascade",
    } <= {peer.name for peer in peers_report.ran}
    for peer in peers_report.ran:
        assert [timing.workload for timing in peer.timings] == WORKLOADS
        assert all(timing.ms.p10 <= timing.ms.median <= timing.ms.p90 for timing in peer.timings)
    assert all(timing.ratio.median == 1 for timing in peers_report.peers[0].timings)


def test_peers_leave_and_answer_as_the_engine_does(peers_report: PeersReport) -> None:
    for peer in peers_report.ran:
        for timing in peer.timings:
            if peer.decides:
                assert (timing.same_exits, timing.same_predictions) == (1, 1), (peer.name, timing)
    static = next(peer for peer in peers_report.ran if peer.name == "static")
    assert [timing.shares for timing in static.timings] == [(0, 0, 1)] * 4  # it never leaves
    assert static.timing("never leaving").same_predictions == 1  # type: ignore[union-attr]


def test_the_forced_exits_are_forced_and_the_mix_is_mixed(peers_report: PeersReport) -> None:
    shares = {workload.name: workload.shares for workload in peers_report.workloads}
    assert [shares[name].index(1) for name in WORKLOADS[:3]] == [0, 1, 2]
    assert sum(share > 0 for share in shares["mix"]) >= 2  # many scores of so small a network are equal


def test_memory_and_load_time_are_there_and_libraries_do_not_count(peers_report: PeersReport) -> None:
    for peer in peers_report.ran:
        assert peer.peak_mb is not None
        assert peer.peak_mb > 10
        assert peer.increase_mb is None or peer.increase_mb < peer.peak_mb
        assert peer.open_s is not None
        assert peer.open_s > 0


def test_that_segments_ran_as_exported_is_said(
    tiny_bundle: Path,
    noise: NDArray[Any],
    quick: PeersConfig,
    peers_report: PeersReport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "as exported" not in sentences.circumstances(peers_report)
    monkeypatch.setenv(cache.VARIABLE, "off")
    report = compare(tiny_bundle, noise, replace(quick, peers=("static",)), data="noise")
    assert "segments as exported" in sentences.circumstances(report)
    assert "eeinfer doctor" in dict(sentences.facts(report))["segments"]


def test_who_cannot_run_is_there_with_the_reason(peers_report: PeersReport) -> None:
    torch = next(peer for peer in peers_report.peers if peer.name == "torch")
    assert torch.skipped is not None
    assert "--checkpoint" in torch.skipped
    assert not torch.timings


def test_batches_are_decided_row_by_row_and_compared_with_the_ideal(
    tiny_bundle: Path, noise: NDArray[Any], quick: PeersConfig
) -> None:
    names = ("cut", "sessions", "single-file")
    config = replace(quick, peers=("predict_one", *names), batch=4, images=16, rounds=1)
    report = compare(tiny_bundle, noise, config)
    assert report.peers[1].skipped == "it answers for one image; measure it with --batch 1"
    for peer in report.ran:
        assert all((timing.same_exits, timing.same_predictions) == (1, 1) for timing in peer.timings), peer.name
    assert [peer.name for peer in report.ran] == ["eeinfer", *names]
    assert report.ideal is not None
    assert report.ideal.live[0] == 1
    assert report.ideal.live[-1] < 1
    assert report.ideal.ideal_ms.median > 0


def test_given_thresholds_make_the_mix(tiny_bundle: Path, noise: NDArray[Any], quick: PeersConfig) -> None:
    config = replace(quick, peers=("cut",), rounds=1, taus=(1.0, 0.0, 0.5))
    report = compare(tiny_bundle, noise, config)
    assert report.workloads[-1].shares == (0, 1, 0)
    assert report.workloads[-1].taus == (1.0, 0.0, 0.5)


def test_a_peer_that_crashes_is_named_and_the_others_go_on(
    tiny_bundle: Path, noise: NDArray[Any], quick: PeersConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "fakes"), prepend=os.pathsep)
    monkeypatch.setenv("EEINFER_TEST_WORKER", "crash")
    start = processes.PeerProcess.__init__

    def start_broken(self: Any, name: str, **options: Any) -> None:
        start(self, name, **({"module": "broken_worker"} if name == "static" else options))

    monkeypatch.setattr(processes.PeerProcess, "__init__", start_broken)
    report = compare(tiny_bundle, noise, replace(quick, peers=("static", "cut"), rounds=1))
    static = report.peers[1]
    assert static.failed is not None
    assert "exit status 7" in static.failed
    assert "roof" in static.failed
    assert [peer.name for peer in report.ran] == ["eeinfer", "cut"]


class _Scripted:
    """A process that counts its turns and breaks in one of them."""

    pid = 0

    def __init__(self, name: str, log: list[tuple[str, str]], breaks: int | None = None) -> None:
        self.name, self.log, self.breaks, self.turns = name, log, breaks, 0

    def ask(self, request: messages.Run, _kind: Any, *, seconds: float) -> messages.Ran:
        self.turns += 1
        if self.turns == self.breaks:
            raise PeerFailed("broke")
        self.log.append((self.name, request.workload.name))
        return messages.Ran(times_ms=[1.0, 3.0], exits=[[0], [0]], predictions=[[0], [0]])


def _scripted(breaks: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, str]], Any]:
    monkeypatch.setattr(rounds, "settle", lambda _pid, _pause: True)
    log: list[tuple[str, str]] = []
    names = ["eeinfer", "static", "cut", "torch"]
    peers: Any = {name: _Scripted(name, log, breaks.get(name)) for name in names}
    turns = {name: Turns() for name in names}
    plans = [Workload(name=name, taus=(0.0,), exits=(0, 0)) for name in ("exit 0", "mix")]
    calls = {"exit 0": (0, 1), "mix": (0, 1)}
    config = PeersConfig(rounds=6)
    run_rounds(peers, turns, plans, calls, config, lambda *_: None)
    return log, turns


def test_all_take_turns_at_a_workload_before_the_next_and_the_order_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    log, turns = _scripted({}, monkeypatch)
    blocks = [log[start : start + 4] for start in range(0, len(log), 4)]
    assert len(blocks) == 12
    for block in blocks:
        assert len({name for name, _ in block}) == 4
        assert len({workload for _, workload in block}) == 1
    assert len({tuple(name for name, _ in block) for block in blocks}) > 3
    assert turns["cut"].ms == {"exit 0": [2.0] * 6, "mix": [2.0] * 6}


def test_a_peer_that_fails_in_a_round_keeps_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    _, turns = _scripted({"cut": 4}, monkeypatch)
    assert turns["cut"].failed == "broke"
    assert len(turns["cut"].ms["exit 0"]) == 2
    assert len(turns["static"].ms["mix"]) == 6


def test_without_the_engine_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeerFailed):
        _scripted({"eeinfer": 3}, monkeypatch)


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_of_the_table_exists_and_says_what_it_is(name: str) -> None:
    assert peer_class(name).note


def test_every_peer_has_a_colour_and_a_marker_of_its_own() -> None:
    for marks in (plots._COLOURS, plots.MARKERS):
        assert len(set(marks)) == len(marks) >= len(PEERS)


def test_an_unknown_peer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown peer 'tensorflow': known are eeinfer, native, predict_one"):
        PeersConfig(peers=("tensorflow",))


def test_too_few_images_and_wrong_thresholds_are_refused(tiny_bundle: Path, noise: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="16 images"):
        compare(tiny_bundle, noise, PeersConfig(batch=32))
    with pytest.raises(EeinferError, match="tau"):
        compare(tiny_bundle, noise, PeersConfig(taus=(0.5, 0.5)))
    assert np.all(noise >= 0)
