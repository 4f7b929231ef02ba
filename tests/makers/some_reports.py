"""Small reports of every kind, made up: what pages are drawn from. Times are invented, shapes are real."""

from pathlib import Path

import msgspec
import numpy as np
import torch

from eeinfer.backends.chosen import Agreement, Candidate, Choice, Pick
from eeinfer.backends.profile import Profile, Trial
from eeinfer.bench.callers.measure import CallersReport, CallersRow
from eeinfer.bench.environment import Environment
from eeinfer.bench.peers.reporting.report import (
    PeerResult,
    PeersReport,
    PeersSettings,
    PeerTiming,
    Spread,
    WorkloadFacts,
)
from eeinfer.bench.reporting.report import BundleFacts
from eeinfer.bench.tune import Tuned
from eeinfer.bench.versus.paired import paired
from eeinfer.bench.versus.report import Contestant, Operating, VersusReport
from eeinfer.training.calibration import Calibration
from eeinfer.training.calibration.report import qualities

_MADE = "2026-01-01T00:00:00+00:00"
PLACE = Environment(
    device="cpu",
    cpu="Some Processor with a Rather Long Name @ 3.00GHz",
    cores=2,
    threads=2,
    load=0.1,
    system="Linux",
    python="3.12.0",
    versions={"eeinfer": "0.1.0", "onnxruntime": "1.23.0"},
    how="ONNX Runtime, the loop in Python: it was asked for",
)


def some_calibration() -> Calibration:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (300,), generator=random)
    signal = torch.nn.functional.one_hot(labels, 5) * 2.0
    logits = [signal * (k + 1) + torch.randn(300, 5, generator=random) * 3 for k in range(3)]
    before, after = qualities(logits, labels), qualities([exit / 2 for exit in logits], labels)
    return Calibration(
        path=Path("runs/<odd>/checkpoint_temperature.pt"),
        kind="temperature",
        validation_before=before,
        validation_after=after,
        test_before=before,
        test_after=after,
    )


def some_callers() -> CallersReport:
    rows = tuple(
        CallersRow(
            callers=count,
            images_per_second=900.0 * gain,
            least_per_second=800.0 * gain,
            most_per_second=1000.0 * gain,
            speedup=gain,
            p50_ms=1.1,
            p99_ms=1.1 + 3 * gain,
            calls=5000,
        )
        for count, gain in ((1, 1.0), (2, 1.7), (4, 2.3))
    )
    return CallersReport(
        created=_MADE, bundle="some", taus=(0.9, 0.9, 0.0), shares=(0.5, 0.3, 0.2), environment=PLACE, rows=rows
    )


def some_tuned(*slowest: Trial) -> Tuned:
    trials = (
        Trial(threads="parked:1,2", ms=(0.1, 0.4), ratio=1.0),
        Trial(threads="stopping:2", ms=(0.2, 0.6), ratio=1.8),
        *slowest,
    )
    profile = Profile(
        bundle="some",
        threads="parked:1,2",
        process="parked:1,2",
        exits=(0, 1),
        trials=trials,
        sizes=(1, 2, 4),
        segment_ms=((0.1, 0.15, 0.25), (0.3, 0.4, 0.7)),
        move_ms=0.1,
        bytes_per_ms=1e6,
        created=_MADE,
        cores=2,
    )
    picks = tuple(
        Pick(
            process=process,
            threads=None,
            backend="onnxruntime",
            settings={"onnxruntime": "parked:1,2", "openvino": "parked:2"},
            ratios={"onnxruntime": 1.0, "openvino": 1.25},
        )
        for process in (True, False)
    )
    same = Agreement(rows=64, taus=(0.5, 0.9), decisions=1.0, predictions=1.0, score_error=2e-6)
    candidates = (
        Candidate(backend="onnxruntime", version="1.23.0", agreement=None),
        Candidate(backend="openvino", version="2026.4.1", agreement=same),
    )
    choice = Choice(bundle="some", candidates=candidates, picks=picks, processor="Some Processor", created=_MADE)
    other = msgspec.structs.replace(
        profile,
        threads="parked:2",
        process="parked:2",
        trials=(Trial(threads="parked:2", ms=(0.125, 0.5), ratio=1),),
    )
    return Tuned(choice=choice, profiles={"onnxruntime": profile, "openvino": other}, left_out={})


def some_versus() -> VersusReport:
    """Return a comparison of bundles of which each later one is slower and more accurate, the last one hardly."""
    counts = (440, 455, 458)
    labels = [f"runs/a-name-of-a-run-{k}/some-{k}.eeb" for k in range(len(counts))]
    right = {label: np.arange(500) < count for label, count in zip(labels, counts, strict=True)}
    bundles = tuple(_contestant(label, k, float(right[label].mean())) for k, label in enumerate(labels))
    return VersusReport(
        created=_MADE,
        data="some images",
        images=500,
        timed=60,
        rounds=8,
        environment=PLACE,
        bundles=bundles,
        pairs=paired(right, seed=0),
    )


def _contestant(label: str, place: int, accuracy: float) -> Contestant:
    curve = tuple(
        _operating(tau, accuracy - 0.1 * (1 - tau), (1 + place) * (0.2 + tau)) for tau in (0.0, 0.5, 0.9, 1.0)
    )
    return Contestant(
        label=label,
        name=f"some-{place}",
        sha256="0123456789abcdef" * 4,
        precision="fp32",
        exits=3,
        static_flops=30_000_000,
        own=_operating(0.9, accuracy, 1.0 + place),
        curve=curve,
        exit_accuracy=(accuracy - 0.1, accuracy - 0.02, accuracy),
        agreement=0.9,
        open_s=0.2,
        increase_mb=14.0,
        file_mb=1.3,
        group=label,
        seed=0,
    )


def _operating(tau: float, accuracy: float, ms: float) -> Operating:
    return Operating(
        taus=(tau, tau, 0.0),
        accuracy=accuracy,
        interval=(accuracy - 0.03, accuracy + 0.03),
        shares=(0.5, 0.3, 0.2),
        mean_flops=1e7 * ms,
        median_ms=ms,
        low_ms=0.9 * ms,
        high_ms=1.3 * ms,
    )


def some_peers() -> PeersReport:
    workloads = tuple(
        WorkloadFacts(name=name, taus=(0.5, 0.5, 0.0), shares=(0.4, 0.3, 0.3), mean_flops=1e7)
        for name in ("exit 0", "exit 1", "never leaving", "mix")
    )
    absent = PeerResult(name="torch", note="PyTorch", versions={}, skipped="it needs the checkpoint")
    names = ("eeinfer", "static", "cut", "openvino cascade")
    return PeersReport(
        created=_MADE,
        bundle=BundleFacts(
            name="some",
            sha256="0123456789abcdef" * 4,
            score="max_softmax",
            modules=("a", "b", "c"),
            inputs={"input": (1, 28, 28)},
            classes=10,
        ),
        data="some images",
        environment=PLACE,
        settings=PeersSettings(
            batch=1, images=24, rounds=3, calls={"exit 0": 9, "mix": 9}, threads=2, seed=0, seconds=9.0
        ),
        workloads=workloads,
        peers=(*(_peer(name, 1 + place, workloads) for place, name in enumerate(names)), absent),
        ideal=None,
    )


def _peer(name: str, slower: float, workloads: tuple[WorkloadFacts, ...]) -> PeerResult:
    timings = tuple(
        PeerTiming(
            workload=workload.name,
            ms=Spread.of([0.3 * slower, 0.35 * slower]),
            ratio=Spread.of([0.9 * slower, 1.1 * slower]),
            same_exits=1.0,
            same_predictions=1.0,
            shares=workload.shares,
        )
        for workload in workloads
    )
    return PeerResult(
        name=name,
        note=f"what {name} is",
        versions={"onnxruntime": "1.23.0"},
        import_s=0.3,
        open_s=0.5,
        peak_mb=80.0,
        increase_mb=14.0,
        timings=timings,
    )
