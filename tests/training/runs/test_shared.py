from dataclasses import replace
from pathlib import Path

import pytest
from killed_runs import assert_same, lines, weights

from eeinfer.errors import CheckpointError, ConfigError
from eeinfer.training import TrainConfig, train
from eeinfer.training.runs.shared import phase1_alone, start_behind_phase1


@pytest.fixture(scope="module")
def short(tiny: TrainConfig) -> TrainConfig:
    return replace(tiny, phase1=replace(tiny.phase1, epochs=1), phase2=replace(tiny.phase2, epochs=1))


@pytest.fixture(scope="module")
def phase1(short: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(phase1_alone(short), tmp_path_factory.mktemp("phase1"))


@pytest.mark.parametrize("regime", ["mixed", "disjoint"])
def test_a_run_behind_a_shared_phase_1_ends_as_one_that_trained_it(
    short: TrainConfig, phase1: Path, tmp_path: Path, regime: str
) -> None:
    config = replace(short, regime=regime, exits=(1,))  # phase 1 was trained without any exit
    start_behind_phase1(config, phase1, tmp_path / "shared")
    shared, alone = train(config, tmp_path / "shared"), train(config, tmp_path / "alone")
    assert_same(weights(shared), weights(alone))
    assert lines(shared.parent) == lines(alone.parent)


def test_a_run_that_is_there_is_left_as_it_is(short: TrainConfig, phase1: Path, tmp_path: Path) -> None:
    start_behind_phase1(short, phase1, tmp_path)
    before = (tmp_path / "state.pt").read_bytes()
    start_behind_phase1(short, tmp_path / "gone.pt", tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == before


def test_another_phase_1_is_refused(short: TrainConfig, phase1: Path, tmp_path: Path) -> None:
    other = replace(short, phase1=replace(short.phase1, lr=0.01))
    with pytest.raises(CheckpointError, match=r"phase1\.lr"):
        start_behind_phase1(other, phase1, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_regime_without_phase_1_is_refused(short: TrainConfig, phase1: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not go on from phase 1"):
        start_behind_phase1(replace(short, regime="joint"), phase1, tmp_path)
