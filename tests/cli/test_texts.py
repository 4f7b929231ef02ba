"""A bundle with several inputs and a dynamic axis, measured as one of images is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cli_runs import Run
from numpy.typing import NDArray
from torch import Tensor, nn

from eeinfer import Engine, load
from eeinfer.bench import BenchConfig, bench_data, measure
from eeinfer.bench.callers import CallersConfig, measure_callers
from eeinfer.bench.tune import TuneConfig, tune
from eeinfer.errors import DataError, InputError
from eeinfer.export import export_bundle
from eeinfer.progress import silent

ROWS, LENGTH, CLASSES = 24, 6, 3


class TwoExits(nn.Module):
    """Means over the words that the mask lets through, behind one layer and behind two."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])
        self.heads = nn.ModuleList([nn.Linear(8, CLASSES), nn.Linear(8, CLASSES)])

    def forward(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        weights = mask.float()[..., None] / mask.sum(1)[:, None, None]
        x, exits = self.words(ids), []
        for layer, head in zip(self.layers, self.heads, strict=True):
            x = torch.relu(layer(x))
            exits.append(head((x * weights).sum(1)))
        return exits


@pytest.fixture(scope="module")
def texts() -> dict[str, NDArray[Any]]:
    draw = np.random.default_rng(0)
    mask = np.arange(LENGTH) < draw.integers(1, LENGTH + 1, (ROWS, 1))
    return {"ids": draw.integers(0, 20, (ROWS, LENGTH)), "mask": mask.astype(np.int64)}


@pytest.fixture(scope="module")
def labels() -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, CLASSES, ROWS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, NDArray[Any]]) -> Path:
    torch.manual_seed(0)
    example = {name: torch.from_numpy(array[:2]) for name, array in texts.items()}
    length = {name: {1: ("length", 1, 16)} for name in texts}
    return export_bundle(TwoExits(), example, tmp_path_factory.mktemp("texts") / "texts.eeb", dynamic=length, taus=0.4)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, texts: dict[str, NDArray[Any]], labels: NDArray[Any]) -> Path:
    path = tmp_path_factory.mktemp("data") / "texts.npz"
    np.savez(path, labels=labels, **texts)
    return path


@pytest.fixture(scope="module")
def engine(bundle: Path) -> Engine:
    return load(bundle, threads=1)


def test_accuracy_is_that_of_the_engine_at_every_threshold(
    bundle: Path, engine: Engine, texts: dict[str, NDArray[Any]], labels: NDArray[Any]
) -> None:
    quick = BenchConfig(thresholds=11, latency_samples=8, rounds=1, min_seconds=0, max_seconds=5, warmup=1, threads=1)
    report = measure(bundle, texts, labels, quick, data="words")
    assert len(report.thresholds) == quick.thresholds
    for row in report.thresholds:
        found = engine(texts, tau=row.taus)
        assert row.accuracy == pytest.approx((found.predictions == labels).mean())
        assert row.agreement == 1
    assert dict(report.bundle.inputs) == {"ids": ("length",), "mask": ("length",)}


def test_the_command_reads_one_array_per_input(run: Run, bundle: Path, file: Path, quick_bench: None) -> None:
    done = run("bench", bundle, "--data", file, "--thresholds", 3, "--rounds", 1, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["data"]["images"] == ROWS
    assert "ids length, mask length" in Path("texts-bench/report.html").read_text()


def test_a_file_without_one_of_the_inputs_is_refused_by_name(
    bundle: Path, texts: dict[str, NDArray[Any]], labels: NDArray[Any], tmp_path: Path
) -> None:
    np.savez(tmp_path / "half.npz", ids=texts["ids"], labels=labels)
    with pytest.raises(DataError, match="no array 'mask'; save ids, mask, labels"):
        bench_data(bundle, str(tmp_path / "half.npz"))


def test_threads_share_an_engine_of_several_inputs(engine: Engine, texts: dict[str, NDArray[Any]]) -> None:
    config = CallersConfig(callers=(1, 2), rounds=1, turn_seconds=0.01)
    report = measure_callers(engine, texts, config, silent, tau=None)
    assert [row.callers for row in report.rows] == [1, 2]
    assert sum(report.shares) == pytest.approx(1)


def test_what_takes_images_alone_says_so(bundle: Path) -> None:
    with pytest.raises(InputError, match=r"reads ids, mask; .* eeinfer bench alone"):
        tune(bundle, TuneConfig(), silent)


def test_inspect_names_every_input_and_the_bounds_of_its_axes(run: Run, bundle: Path) -> None:
    done = run("inspect", bundle)
    assert done.status == 0, done.err
    assert "input ids int64 [batch, length]" in done.out
    assert "axis length: 1 to 16" in done.out
    assert "with length at the longest" in done.out
    assert run("inspect", bundle, "--json").status == 0
