import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from disks import full_disk
from method_networks import check_bundle
from planted_roots import image_folder, planted

from eeinfer.errors import CheckpointError, ConfigError, DataError, InputError
from eeinfer.training import (
    BackboneConfig,
    DataConfig,
    HeadConfig,
    MethodConfig,
    PhaseConfig,
    TrainConfig,
    load_checkpoint,
    train,
)
from eeinfer.training.calibration import calibrate
from eeinfer.training.runs.checkpoint import read_checkpoint

CONFIG = TrainConfig(
    data=DataConfig(name="synthetic", batch_size=64),
    backbone=BackboneConfig(name="resnet8", options={"width": 4}),
    exits=(0, 1),
    method=MethodConfig(heads=HeadConfig(pool=2)),
    regime="joint",
    phase2=PhaseConfig(epochs=1, lr=0.05),
    device="cpu",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(CONFIG, tmp_path_factory.mktemp("run"))


def test_temperatures_lower_the_loss_and_change_no_answer(trained: Path) -> None:
    found = calibrate(trained, force=True)
    assert found.path == trained.with_name("checkpoint_temperature.pt")
    before, after = load_checkpoint(trained), load_checkpoint(found.path)
    record = after.provenance["calibration"]
    x = torch.randn(5, 3, 16, 16)
    for t, one, other in zip(record["temperatures"], before.model(x), after.model(x), strict=True):
        torch.testing.assert_close(other, one / t)
    for old, new in zip(found.validation_before, found.validation_after, strict=True):
        assert new.nll <= old.nll + 1e-6
        assert new.accuracy == old.accuracy
    assert record["test_after"][0]["nll"] == pytest.approx(found.test_after[0].nll)
    json.dumps(after.provenance)


def test_images_come_from_a_folder_that_the_user_names_and_not_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images")
    foreign = planted(trained, tmp_path / "foreign.pt", folder)
    with pytest.raises(DataError, match="imagefolder needs a root"):
        calibrate(foreign)
    assert calibrate(foreign, root=folder).path == tmp_path / "foreign_temperature.pt"


def test_laplace_repeats_exports_and_keeps_the_weights(trained: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    said: list[str] = []
    first = calibrate(trained, tmp_path / "first.pt", kind="laplace", draws=5, progress=said.append)
    torch.manual_seed(2)
    second = calibrate(trained, tmp_path / "second.pt", kind="laplace", draws=5)
    model, again = load_checkpoint(first.path).model, load_checkpoint(second.path).model
    x = torch.randn(5, 3, 16, 16)
    for one, other in zip(model(x), again(x), strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one.exp().sum(1), torch.ones(5))
    record = load_checkpoint(first.path).provenance["calibration"]
    assert record["layers"] == ["heads.heads.0.classify.0", "heads.heads.1.classify.0", "backbone.fc"]
    assert record["shares"][-1] == 1
    assert all(
        new.nll < old.nll + 0.01 for old, new in zip(first.validation_before, first.validation_after, strict=True)
    )
    weights, kept = (read_checkpoint(path)["model"] for path in (trained, first.path))
    assert all(torch.equal(weights[name], kept[name]) for name in weights)
    bundle = check_bundle(model, "max_softmax", tmp_path, shape=(3, 16, 16))
    assert (4,) in [tensor.shape for tensor in bundle.manifest.segments[0].carried]  # the weighted sum so far


def test_refusals(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown kind of calibration 'platt': known are temperature, laplace"):
        calibrate(trained, kind="platt")
    with pytest.raises(ConfigError, match="draws is 0"):
        calibrate(trained, kind="laplace", draws=0)
    with pytest.raises(ConfigError, match="give numbers above 0"):
        calibrate(trained, kind="laplace", temperatures=(0.0, 1.0))
    done = calibrate(trained, tmp_path / "done.pt").path
    with pytest.raises(CheckpointError, match="exists; replace it with force"):
        calibrate(trained, done)
    with pytest.raises(CheckpointError, match="is calibrated already"):
        calibrate(done)


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(trained: Path, tmp_path: Path) -> None:
    before = trained.read_bytes()
    with full_disk(4096), pytest.raises(InputError, match=r"new\.pt cannot be written.*make room"):
        calibrate(trained, tmp_path / "new.pt")
    with pytest.raises(InputError, match="the calibrated checkpoint cannot be written to"):
        calibrate(trained, trained / "new.pt")
    assert not [*tmp_path.iterdir()]
    assert trained.read_bytes() == before


def test_refuses_a_run_without_validation_images(trained: Path, tmp_path: Path) -> None:
    data = replace(CONFIG.data, val_share=0)
    other = train(replace(CONFIG, data=data), tmp_path)
    with pytest.raises(ConfigError, match="no validation images to calibrate on"):
        calibrate(other)
