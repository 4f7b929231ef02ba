from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eeinfer.errors import CheckpointError, ConfigError
from eeinfer.training import BackboneConfig, DataConfig, HeadConfig, MethodConfig, PhaseConfig, TrainConfig, train
from eeinfer.training.analysis.analyse import AnalysisConfig, analyse, labels_of
from eeinfer.training.analysis.landscape import LandscapeConfig
from eeinfer.training.runs.checkpoint import read_checkpoint
from eeinfer.training.runs.sealed import save_sealed

CONFIG = TrainConfig(
    data=DataConfig(name="synthetic", batch_size=64),
    backbone=BackboneConfig(name="resnet8", options={"width": 4}),
    exits=(0, 1),
    method=MethodConfig(heads=HeadConfig(pool=2)),
    regime="joint",
    phase2=PhaseConfig(epochs=1, lr=0.05),
    device="cpu",
)
SMALL = AnalysisConfig(images=40, columns=32, plane=LandscapeConfig(steps=3))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [train(replace(CONFIG, seed=seed), folder / f"seed{seed}") for seed in (0, 1)]


@pytest.mark.parametrize("kind", ["rank", "information", "landscape", "overthinking"])
def test_several_networks_on_the_same_images(runs: list[Path], kind: str) -> None:
    told: list[str] = []
    found = analyse(kind, runs, SMALL, on_network=told.append)
    assert told == [network.label for network in found.networks] == ["seed0", "seed1"]
    assert (found.images, found.data, found.networks[0].regime) == (40, "synthetic", "joint")
    assert len(found.networks[0].exits) == 3
    assert found == analyse(kind, runs, SMALL)
    assert found.networks[0].found != found.networks[1].found
    assert found.networks[0] == analyse(kind, runs[:1], SMALL).networks[0]


def test_refusals(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown analysis 'ranks': did you mean 'rank'\? known are rank"):
        analyse("ranks", runs)
    with pytest.raises(ConfigError, match="named twice"):
        analyse("rank", [runs[0], runs[0].parent / ".." / runs[0].parent.name / runs[0].name])
    with pytest.raises(ConfigError, match="needs a checkpoint"):
        analyse("rank", [])
    for count in (0, 1, -3):
        with pytest.raises(ConfigError, match="--images 2 or more"):
            analyse("rank", runs, AnalysisConfig(images=count))
    with pytest.raises(ConfigError, match="columns is 0"):
        analyse("rank", runs, AnalysisConfig(columns=0))
    with pytest.raises(CheckpointError):
        analyse("rank", [tmp_path / "none.pt"])


def test_other_data_and_broken_weights_are_refused(runs: list[Path], tmp_path: Path) -> None:
    larger = replace(CONFIG, data=replace(CONFIG.data, image_size=20))
    other = train(larger, tmp_path / "other")
    with pytest.raises(ConfigError, match="compare networks that read the same images"):
        analyse("rank", [runs[0], other])
    content = read_checkpoint(runs[0])
    name = next(iter(content["model"]))
    content["model"][name] = torch.full_like(content["model"][name], torch.nan)
    save_sealed(tmp_path / "broken.pt", {key: value for key, value in content.items() if key != "checksum"})
    with pytest.raises(CheckpointError, match="NaN or infinite, in"):
        analyse("overthinking", [tmp_path / "broken.pt"])


def test_labels_tell_checkpoints_apart() -> None:
    assert labels_of([Path("a/checkpoint.pt"), Path("b/checkpoint.pt")]) == ("a", "b")
    assert labels_of([Path("a/one.pt"), Path("a/two.pt")]) == ("a/one", "a/two")
