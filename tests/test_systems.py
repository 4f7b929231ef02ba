"""Every early-exit system, from its tiny recipe on real images to a measured bundle."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from agreement import check_agreement
from numpy.typing import NDArray
from torch import nn

import eeinfer
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bench import BenchConfig, measure
from eeinfer.export import export_single_file
from eeinfer.export.checkpoint import export_checkpoint
from eeinfer.export.graph.scores import SCORES
from eeinfer.preprocess import prepare
from eeinfer.rule import exits_at
from eeinfer.training import RECIPES, load_checkpoint, train
from eeinfer.training.calibration import calibrate
from eeinfer.training.data import load_dataset
from eeinfer.training.recipes.tiny import TINY

ROOT = Path(__file__).resolve().parent.parent
CALIBRATED = "calibrated msdnet_digits"  # has no recipe of its own: it begins with a finished checkpoint
NAMES = [*(make.__name__ for make in TINY), CALIBRATED]
QUICK = BenchConfig(thresholds=5, latency_samples=4, rounds=1, min_seconds=0, pairs=1, warmup=0, threads=1)
ALONE = 1e-4  # scores this close to a threshold may fall on its other side in a batch of another size


@dataclass(frozen=True, kw_only=True)
class System:
    """A trained system, and what its bundle answers at every exit for the test images."""

    model: nn.Module
    engine: eeinfer.Engine
    images: NDArray[Any]  # [N,8,8] uint8
    labels: NDArray[Any]
    x: NDArray[Any]  # [N,1,8,8] float32, what the network reads
    every: eeinfer.AllExits


def test_every_system_of_the_table_is_trained_here() -> None:
    page = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")][2:]
    assert rows
    for row in rows:
        named = {*re.findall(r"`([^`]+)`", row)}
        assert named & {*NAMES} or ("eeinfer calibrate" in named and CALIBRATED in NAMES), row


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path_factory.mktemp("runs")
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=NAMES)
def system(request: pytest.FixtureRequest, runs: Path) -> Iterator[System]:
    recipe = str(request.param).removeprefix("calibrated ")
    checkpoint = train(RECIPES[recipe](), runs / recipe)  # a finished run is not repeated
    if request.param == CALIBRATED:
        checkpoint = calibrate(checkpoint, kind="laplace", draws=10).path
    trained, test = load_checkpoint(checkpoint), load_dataset("digits").test
    x = prepare(test.images, trained.input)
    with eeinfer.load(export_checkpoint(checkpoint), threads=1) as engine:
        yield System(
            model=trained.model,
            engine=engine,
            images=np.asarray(test.images),
            labels=test.labels,
            x=x,
            every=engine.all_exits(x),
        )


def test_every_exit_is_clearly_better_than_chance(system: System) -> None:
    assert ((system.every.predictions == system.labels[:, None]).mean(0) > 0.5).all()  # of ten classes


@pytest.mark.parametrize("rows", [1, 7])
def test_segments_equal_torch_at_every_exit(system: System, rows: int) -> None:
    noise = np.random.default_rng(rows).normal(0, 1, (rows, 1, 8, 8)).astype(np.float32)
    for x in (system.x[:rows], noise):
        with torch.no_grad():
            outputs = system.model(torch.from_numpy(x))
        own = isinstance(outputs, Mapping)
        logits = outputs["logits"] if own else outputs
        scores = outputs["scores"] if own else [SCORES[system.engine.manifest.score](each) for each in logits]
        answers = system.engine.all_exits(x)
        np.testing.assert_allclose(answers.logits, torch.stack(list(logits), 1).numpy(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answers.scores, torch.stack(list(scores), 1).numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(answers.predictions, answers.logits.argmax(2))


def splitting_taus(scores: NDArray[Any]) -> list[float]:
    """Thresholds that part the rows that are left at each exit about in the middle, far from any score."""
    taus, left = [], np.ones(len(scores), bool)
    for column in scores.T:
        values = np.unique(column[left].astype(np.float64))
        values = values[len(values) // 4 : len(values) - len(values) // 4]
        gaps = np.diff(values)
        widest = gaps.argmax() if gaps.size else None
        taus.append(1.0 if widest is None else float(values[widest] + gaps[widest] / 2))
        left &= column <= taus[-1]
    return taus


def test_rows_leaving_in_every_pattern_answer_as_they_do_alone(system: System) -> None:
    taus = splitting_taus(system.every.scores)
    left_at = exits_at(system.every.scores, taus)
    groups = {exit: np.flatnonzero(left_at == exit)[:3] for exit in np.unique(left_at)}
    # Patience gives every row the same score at the first exit: there it is all or none.
    assert len(groups) >= system.every.scores.shape[1] - (len(np.unique(system.every.scores[:, 0])) == 1)
    rows = sorted(itertools.chain(*groups.values()))
    alone = {row: system.engine(system.x[row : row + 1], tau=taus) for row in rows}
    for pattern in itertools.product(groups, repeat=3):
        chosen = [groups[exit][place % len(groups[exit])] for place, exit in enumerate(pattern)]
        result = system.engine(system.x[chosen], tau=taus)
        assert result.exits.tolist() == list(pattern)
        assert result.predictions.tolist() == [int(alone[row].predictions[0]) for row in chosen]
        wanted = np.concatenate([alone[row].logits for row in chosen])
        np.testing.assert_allclose(result.logits, wanted, rtol=1e-4, atol=1e-4)


def test_the_offline_sweep_equals_the_online_exits(system: System) -> None:
    scores = system.every.scores
    grid: list[Any] = [0.0, 0.1, *np.quantile(scores[:, :-1], (0.25, 0.5, 0.75)), 1.0, splitting_taus(scores)]
    for tau in grid:
        taus = np.clip(tau, 0, 1) * np.ones(scores.shape[1])
        clear = (np.abs(scores - taus)[:, :-1] > ALONE).all(1) | (taus[0] in (0, 1))
        offline, result = exits_at(scores, taus), system.engine(system.x, tau=taus)
        assert result.exits[clear].tolist() == offline[clear].tolist()
        answers = system.every.predictions[np.arange(len(scores)), offline]
        assert result.predictions[clear].tolist() == answers[clear].tolist()
        assert clear.any() or len(np.unique(scores)) <= scores.shape[1]


def test_one_file_with_nested_ifs_leaves_where_the_engine_does(system: System, tmp_path: Path) -> None:
    session, _ = open_session(export_single_file(system.engine.bundle.path, tmp_path / "one"), threads=1)
    taus = splitting_taus(system.every.scores)
    for at in range(0, 40, 10):
        x = system.x[at : at + 10]
        exits, predictions = session.run(["exit", "prediction"], {"input": x, "tau": np.array(taus, np.float32)})
        result = system.engine(x, tau=taus)
        assert exits.tolist() == result.exits.tolist()
        assert predictions.tolist() == result.predictions.tolist()


def test_openvino_answers_as_onnx_runtime_does(system: System) -> None:
    pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")
    noise = np.random.default_rng(33).normal(0, 1, (33, 1, 8, 8)).astype(np.float32)
    with eeinfer.load(system.engine.bundle.path, backend="openvino", threads=1) as engine:
        for x in (system.x, noise):
            check_agreement(engine, system.engine, {"input": x})


def test_bench_measures_it(system: System) -> None:
    report = measure(system.engine.bundle.path, system.images[:40], system.labels[:40], QUICK)
    assert len(report.thresholds) > 1
    costs = [row.mean_flops for row in report.thresholds]
    assert costs == sorted(costs)
    assert all(0 <= row.accuracy <= 1 for row in report.thresholds)
