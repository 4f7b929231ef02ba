"""A comparison on a GPU that is none: every process meets the fakes."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cpu_provider
import fake_gpu
import native_engines
import numpy as np
import pytest
from numpy.typing import NDArray

import eeinfer
from eeinfer.bench.peers import PeersConfig, PeersReport, compare
from eeinfer.bench.peers.kinds import gpu_networks
from eeinfer.bench.peers.registry import GPU_PEERS, peer_class
from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.decisions import decisions
from eeinfer.bench.peers.reporting.page import html_page
from eeinfer.bench.workers import process as processes
from eeinfer.bench.workers.base import Setup, Workload
from eeinfer.errors import ConfigError, EeinferError
from eeinfer.export.trt import TrtConfig, build_plans
from eeinfer.machine.gpus import Driver

TESTS = Path(__file__).parents[2]
HELPERS = os.pathsep.join(str(TESTS / name) for name in ("makers", "fakes"))
NATIVE = ("level 3", "level 2", "level 1", "level 0", "static", "cut")


def on_fakes(patch: pytest.MonkeyPatch) -> None:
    """Let the parent find a GPU, and every peer's process the fakes."""
    patch.setattr("eeinfer.bench.timing.gpu.driver", lambda: Driver(cuda=(13, 0), gpus=(fake_gpu.GPU,)))
    patch.setenv("PYTHONPATH", HELPERS, prepend=os.pathsep)
    start = processes.PeerProcess.__init__
    patch.setattr(
        processes.PeerProcess, "__init__", lambda self, name, **_: start(self, name, module="fake_gpu_worker")
    )


@pytest.fixture(scope="module")
def with_plans(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return native_engines.with_plans(tiny_bundle, tmp_path_factory.mktemp("plans"), batches=(1, 4))


@pytest.fixture(scope="module")
def on_gpu(quick: PeersConfig) -> PeersConfig:
    return replace(quick, device="cuda", peers=(*NATIVE, "torch"), rounds=1)


@pytest.fixture(scope="module")
def gpu_report(with_plans: Path, noise: NDArray[Any], on_gpu: PeersConfig) -> PeersReport:
    with pytest.MonkeyPatch.context() as patch:
        on_fakes(patch)
        return compare(with_plans, noise, on_gpu, data="noise")


def test_every_level_is_a_peer_and_the_highest_is_the_subject(gpu_report: PeersReport) -> None:
    assert [peer.name for peer in gpu_report.ran] == list(NATIVE)
    assert [(peer.failed, peer.skipped) for peer in gpu_report.ran] == [(None, None)] * len(NATIVE)
    assert sentences.subject(gpu_report) == "level 3"
    assert "Times over level 3's: " in sentences.verdict(gpu_report)
    assert "NVIDIA H100" in sentences.circumstances(gpu_report)
    assert gpu_report.environment.device == "cuda"


def test_all_leave_and_answer_alike(gpu_report: PeersReport) -> None:
    for peer in gpu_report.ran:
        for timing in peer.timings:
            if peer.decides:
                assert (timing.same_exits, timing.same_predictions) == (1, 1), (peer.name, timing)


def test_who_cannot_run_says_why(gpu_report: PeersReport) -> None:
    [torch] = [peer for peer in gpu_report.peers if peer.name == "torch"]
    assert torch.skipped is not None
    assert "--checkpoint" in torch.skipped


def test_a_decision_costs_what_is_beyond_the_network_cut_there(gpu_report: PeersReport) -> None:
    peers = {peer.name: peer for peer in gpu_report.peers}
    lines = decisions(gpu_report)
    assert [line.partition(",")[0] for line in lines[:4]] == list(NATIVE[:4])
    beyond = peers["level 3"].timings[1].ms.median - peers["cut"].timings[1].ms.median
    assert f"exit 1 {1e3 * beyond / 2:.1f}" in lines[0]
    assert "goals at level 3: 5 us per decision" in lines[4]
    assert "1.05 of the network cut there" in html_page(gpu_report)


def test_where_a_level_is_refused_the_next_one_is_the_subject(
    with_plans: Path, noise: NDArray[Any], on_gpu: PeersConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_fakes(monkeypatch)
    monkeypatch.setenv("EEINFER_TEST_REFUSES", "condition")
    report = compare(with_plans, noise, replace(on_gpu, peers=("level 3", "cut")))
    assert [peer.name for peer in report.ran] == ["level 2", "cut"]
    assert report.peers[0].detail == "tensorrt at level 2"
    [(name, reason)] = sentences.absences(report)
    assert name == "level 3"
    assert reason.startswith("level 3 is refused here, 2 would run: the host decides, the device cannot:")


def test_batches_leave_row_by_row(
    with_plans: Path, noise: NDArray[Any], on_gpu: PeersConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_fakes(monkeypatch)
    config = replace(on_gpu, peers=("cut", "static"), batch=4, images=16)
    report = compare(with_plans, noise, config)
    assert [peer.name for peer in report.ran] == ["level 3", "static", "cut"]
    assert all(timing.same_exits == timing.same_predictions == 1 for timing in report.ran[2].timings)
    assert not any("goals" in line for line in decisions(report))


@pytest.mark.parametrize("batch", [1, 4])
def test_the_whole_network_runs_on_whatever_provider_there_is(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(gpu_networks, "open_backend", lambda name, bundle, **_: cpu_provider.backend(bundle.path))
    setup = Setup(
        bundle=str(tiny_bundle),
        checkpoint=None,
        folder=str(tmp_path),
        images="",
        batch=batch,
        threads=1,
        device="cuda",
        threads_asked=None,
    )
    gpu_networks.RuntimeStatic.prepare(setup)
    peer, images = gpu_networks.RuntimeStatic(setup), np.random.default_rng(0).random((batch, 1, 8, 8), np.float32)
    call = peer.plan(Workload(name="exit 0", taus=(0, 0, 0), exits=(0,) * batch), np.arange(batch))
    exits, predictions = peer.answers(call(images))
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        np.testing.assert_array_equal(predictions, engine(images, tau=1.0).predictions)
    assert exits.tolist() == [2] * batch


def test_without_plans_the_reason_is_said_once(
    tiny_bundle: Path, noise: NDArray[Any], on_gpu: PeersConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_fakes(monkeypatch)
    with pytest.raises(EeinferError, match=r"^the engine itself failed: .*eeinfer export .*--trt") as caught:
        compare(tiny_bundle, noise, on_gpu)
    assert str(caught.value).count("has no tensorrt plans") == 1


def test_without_a_gpu_nothing_is_started(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.bench.timing.gpu.driver", lambda: Driver(problem="the NVIDIA driver finds no GPU"))
    with pytest.raises(ConfigError, match="device 'cuda' cannot be used: the NVIDIA driver finds no GPU"):
        compare(tiny_bundle, np.zeros((4, 8, 8), np.uint8), PeersConfig(device="cuda"))


@pytest.mark.parametrize("name", GPU_PEERS)
def test_every_peer_of_the_table_exists_and_says_what_it_is(name: str) -> None:
    assert peer_class(name, "cuda").note


@pytest.mark.gpu
@pytest.mark.skipif(native_engines.gpu_missing() is not None, reason=native_engines.gpu_missing() or "")
@pytest.mark.parametrize("batch", [1, 4])
def test_a_real_gpu_is_compared_on(bundle_copy: Path, noise: NDArray[Any], on_gpu: PeersConfig, batch: int) -> None:
    build_plans(bundle_copy, TrtConfig(batches=(1, 4)))
    report = compare(bundle_copy, noise, replace(on_gpu, peers=(*NATIVE, "onnxruntime static"), batch=batch))
    assert not [peer.failed for peer in report.peers if peer.failed]
    assert {"level 0", "level 1", "static", "cut"} <= {peer.name for peer in report.ran}
    for peer in report.ran:
        assert min(sentences.agreement(peer)) >= 0.8, peer.name  # TF32 may move a score across a threshold
