"""A calibration on images that the user gives: a folder, a list, arrays."""

from pathlib import Path

import numpy as np
import pytest
from photo_folders import flat_folder, listed, photo_folder

from eeinfer.errors import ConfigError, DataError
from eeinfer.training import BackboneConfig, DataConfig, HeadConfig, MethodConfig, TrainConfig, load_checkpoint
from eeinfer.training.calibration import calibrate
from eeinfer.training.runs.untrained import save_untrained

CONFIG = TrainConfig(
    data=DataConfig(name="synthetic"),
    backbone=BackboneConfig(name="resnet8", options={"width": 4}),
    exits=(0,),
    method=MethodConfig(heads=HeadConfig(pool=2)),
    device="cpu",
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(CONFIG, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def photos(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photo_folder(tmp_path_factory.mktemp("own") / "photos", load_checkpoint(checkpoint).classes[:3], count=8)


@pytest.mark.parametrize("form", ["folder", "list", "arrays"])
def test_one_half_fits_and_the_other_is_told(form: str, checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    data = photos
    if form == "list":
        data = listed(photos.parent / "list.csv", photos)
    if form == "arrays":
        draw = np.random.default_rng(0)
        np.savez(
            data := tmp_path / "own.npz", images=draw.integers(0, 256, (24, 8, 8, 3), np.uint8), labels=[0, 1, 2] * 8
        )
    found = calibrate(checkpoint, tmp_path / "sure.pt", data=data)
    assert found.given
    for exits in (found.validation_before, found.test_before):
        assert [sum(bin.images for bin in exit.reliability) for exit in exits] == [12, 12]
    for old, new in zip(found.validation_before, found.validation_after, strict=True):
        assert new.nll <= old.nll + 1e-6
    assert load_checkpoint(found.path).provenance["calibration"]["given"] is True


def test_images_that_do_not_serve_are_refused(checkpoint: Path, photos: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "wrong.npz", images=np.zeros((4, 8, 8), np.uint8), labels=[0, 1, 2, 99])
    np.savez(tmp_path / "bare.npz", images=np.zeros((4, 8, 8), np.uint8))
    for data, said in (
        (tmp_path / "none", "there is no folder or file .*none; give a folder of class folders"),
        (flat_folder(tmp_path / "flat"), "holds images without classes"),
        (photo_folder(tmp_path / "other", ["zebra", "yak"]), "images of 'yak', which the checkpoint does not know"),
        (tmp_path / "wrong.npz", r"are 0 to 99; the checkpoint has 0 to \d+"),
        (tmp_path / "bare.npz", "holds no array 'labels'"),
    ):
        with pytest.raises(DataError, match=said):
            calibrate(checkpoint, tmp_path / "sure.pt", data=data)
    with pytest.raises(ConfigError, match="needs the images that trained the weights"):
        calibrate(checkpoint, tmp_path / "sure.pt", data=photos, kind="laplace")
    with pytest.raises(ConfigError, match=r"root .* has no effect"):
        calibrate(checkpoint, tmp_path / "sure.pt", data=photos, root=photos)
    assert not (tmp_path / "sure.pt").exists()
