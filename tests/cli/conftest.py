"""A command in this process and an empty folder, and little things for it to work on."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_runs import Done, Run, tiny_recipe
from PIL import Image

import eeinfer.bench
from eeinfer import cli
from eeinfer.bench import BenchConfig, measure
from eeinfer.cli import failure
from eeinfer.training import train


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``eeinfer`` with some arguments, in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(failure.DEBUG_VARIABLE, raising=False)

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["eeinfer", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            cli.app(prog_name="eeinfer")
        captured = capsys.readouterr()
        return Done(status=exit.value.code or 0, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=draw.integers(0, 5, 40))
    return tmp_path / "images.npz"


@pytest.fixture
def quick_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for as short as possible; what is measured is tested elsewhere."""

    def quick(bundle: Path, images: Any, labels: Any, config: Any = None, progress: Any = None, **facts: Any) -> Any:
        short = replace(config or BenchConfig(), min_seconds=0, rounds=1, latency_samples=4, pairs=1, warmup=0)
        return measure(bundle, images, labels, short, progress, **facts)

    monkeypatch.setattr(eeinfer.bench, "measure", quick)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `eeinfer train` writes, of the smallest network there is."""
    return train(tiny_recipe(), tmp_path_factory.mktemp("run"))
