"""Image files in one folder per class."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_folders import flat_folder, listed, photo_folder
from PIL import Image

from eeinfer.errors import DataError
from eeinfer.training.data import load_dataset


def write_folders(root: Path, *, val: str = "test") -> Path:
    for part, count in (("train", 3), (val, 2)):
        for colour, label in ((10, "cat"), (240, "dog")):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20 + number, 30), (colour, 0, 0)).save(folder / f"{number}.png")
    return root


@pytest.mark.parametrize("val", ["test", "val"])
def test_folders_of_images_are_read_by_class(tmp_path: Path, val: str) -> None:
    dataset = load_dataset("imagefolder", write_folders(tmp_path, val=val))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.train.images[3].shape == (30, 20, 3)
    assert dataset.train.images[3][0, 0].tolist() == [240, 0, 0]
    assert [image.shape[1] for image in dataset.test.images[np.array([0, 1])]] == [20, 21]
    assert dataset.input((64, 64)).preprocess.resize is None  # type: ignore[union-attr]


def test_imagenette_names_its_classes(tmp_path: Path) -> None:
    write_folders(tmp_path / "imagenette2-160", val="val")
    for part in ("train", "val"):
        (tmp_path / "imagenette2-160" / part / "cat").rename(tmp_path / "imagenette2-160" / part / "n01440764")
        (tmp_path / "imagenette2-160" / part / "dog").rename(tmp_path / "imagenette2-160" / part / "n03888257")
    assert load_dataset("imagenette", tmp_path).classes == ("tench", "parachute")


def test_an_unreadable_image_is_named_when_it_is_needed(tmp_path: Path) -> None:
    path = write_folders(tmp_path) / "train" / "cat" / "0.png"
    path.write_bytes(path.read_bytes()[:40])
    dataset = load_dataset("imagefolder", tmp_path)
    with pytest.raises(DataError, match=r"0\.png is not an image file"):
        dataset.train.images[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "train").rename(root / "learn"), "is no imagefolder: it needs train/CLASS"),
        (
            lambda root: (root / "train" / "cat").rename(root / "train" / "bird"),
            "test holds the class 'cat'",
        ),
        (
            lambda root: [path.unlink() for path in (root / "train" / "cat").iterdir()],
            "holds images in 1 class folders",
        ),
        (lambda root: [path.unlink() for path in (root / "train").rglob("*.png")], "train holds no images"),
        (lambda root: [path.unlink() for path in (root / "test").rglob("*.png")], "holds no images"),
    ],
)
def test_folders_of_another_shape_are_refused(tmp_path: Path, change: Callable[[Path], Any], message: str) -> None:
    change(write_folders(tmp_path))
    with pytest.raises(DataError, match=message):
        load_dataset("imagefolder", tmp_path)


LEFT_BEHIND = (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".hidden", "#recycle", "lost+found")


def test_folders_that_are_no_classes_are_left_out(tmp_path: Path) -> None:
    image = write_folders(tmp_path) / "train" / "cat" / "0.png"
    for part in ("train", "test"):
        (tmp_path / part / "empty").mkdir()
        for name in LEFT_BEHIND:
            (tmp_path / part / name).mkdir()
            shutil.copy(image, tmp_path / part / name)
    dataset = load_dataset("imagefolder", tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert len(dataset.train) == 6


def test_files_left_behind_within_a_class_are_no_images_of_it(tmp_path: Path) -> None:
    cat = write_folders(tmp_path) / "train" / "cat"
    for name in (*LEFT_BEHIND, "deeper/.thumbnails"):
        (cat / name).mkdir(parents=True)
        shutil.copy(cat / "0.png", cat / name)
    shutil.copy(cat / "0.png", cat / "._0.png")  # what macOS writes beside a file
    shutil.copy(cat / "0.png", cat / "deeper")
    paths = load_dataset("imagefolder", tmp_path).train.images.paths  # type: ignore[union-attr]  # image files
    assert [path.name for path in paths if path.is_relative_to(cat)] == ["0.png", "1.png", "2.png", "0.png"]


def test_a_root_below_a_hidden_folder_is_read_all_the_same(tmp_path: Path) -> None:
    dataset = load_dataset("imagefolder", write_folders(tmp_path / ".cache" / "@eaDir"))
    assert len(dataset.train) == 6


def test_training_sees_16_bits_and_turns_photos_as_deployment_does(tmp_path: Path) -> None:
    cat = write_folders(tmp_path) / "train" / "cat"
    ramp = np.arange(30 * 20, dtype=np.uint16).reshape(30, 20) * 100
    Image.fromarray(ramp).save(cat / "0.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.zeros((30, 20, 3), np.uint8)).save(cat / "1.png", exif=turned)
    images = load_dataset("imagefolder", tmp_path).train.images
    assert np.abs(images[0][..., 0] - ramp / 257).max() <= 0.5
    assert images[1].shape == (20, 30, 3)


def test_an_image_without_8_bit_form_and_one_too_large_are_named(tmp_path: Path) -> None:
    cat = write_folders(tmp_path) / "train" / "cat"
    Image.new("F", (8, 8)).save(cat / "0.tiff")
    Image.new("1", (20_000, 20_000)).save(cat / "1.tiff", compression="tiff_deflate")
    images = load_dataset("imagefolder", tmp_path).train.images
    for name in ("0.tiff", "1.tiff"):
        number = [path.name for path in images.paths].index(name)  # type: ignore[union-attr]  # image files
        with pytest.raises(DataError, match=name):
            images[number]


def test_imagefolder_needs_a_root() -> None:
    with pytest.raises(DataError, match="imagefolder needs a root"):
        load_dataset("imagefolder")


def test_images_that_nobody_divided_are_divided_by_their_names(tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos", ("cat", "dog"), count=20, side=50)
    for root in (folder, listed(tmp_path / "list.csv", folder)):
        dataset = load_dataset("imagefolder", root)
        assert dataset.classes == ("cat", "dog")
        assert len(dataset.train) + len(dataset.test) == 40
        assert set(dataset.test.labels.tolist()) == {0, 1}
        assert (dataset.folder, dataset.held_out) == (root.name, True)
        paths = {*dataset.train.images.paths, *dataset.test.images.paths}  # type: ignore[union-attr]  # image files
        assert len(paths) == 40


@pytest.mark.parametrize(("side", "size"), [(20, 32), (70, 64), (400, 224)])
def test_networks_read_images_of_about_the_size_that_there_are(tmp_path: Path, side: int, size: int) -> None:
    dataset = load_dataset("imagefolder", photo_folder(tmp_path / "photos", count=3, side=side))
    assert dataset.size == (size, size)


def test_images_without_classes_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds images without classes; put them into one folder per class"):
        load_dataset("imagefolder", flat_folder(tmp_path / "flat"))
    with pytest.raises(DataError, match="holds images of 'cat' alone"):
        load_dataset("imagefolder", photo_folder(tmp_path / "cats", ["cat"]))
