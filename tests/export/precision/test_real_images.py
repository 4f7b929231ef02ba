"""Where images for calibration and report come from, and that the two never mix."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from planted_roots import image_folder

from eeinfer import samples
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError, InputError
from eeinfer.export.precision.real_images import real_images


@pytest.fixture
def tiny(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def grey(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((8, 8), np.uint8)


def test_the_halves_of_a_file_share_no_image_and_keep_their_labels(tiny: Bundle, tmp_path: Path) -> None:
    labels = np.arange(21) % 5
    found = real_images(tiny, save(tmp_path / "mine.npz", images=grey(21), labels=labels), seed=0)
    rows = np.concatenate([found.calibration.rows, found.report.rows])
    assert sorted(rows.tolist()) == list(range(21))
    assert found.report.labels is not None
    assert found.report.labels.tolist() == labels[found.report.rows].tolist()
    [batch] = found.report.batches(tiny.manifest.input, 32)
    assert batch.shape == (11, 1, 8, 8)
    few = found.at_most(3, 4, seed=1)
    assert (len(few.calibration), len(few.report)) == (3, 4)
    assert not set(few.calibration.rows) & set(few.report.rows)
    assert [len(part) for part in few.report.batches(tiny.manifest.input, 3)] == [3, 1]


def test_a_folder_of_photos_has_no_labels_and_becomes_what_the_network_reads(tiny: Bundle, tmp_path: Path) -> None:
    for k in range(4):
        (tmp_path / f"class{k % 2}").mkdir(exist_ok=True)
        Image.new("RGB", (10 + k, 9), (40 * k, 0, 0)).save(tmp_path / f"class{k % 2}" / f"{k}.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    found = real_images(tiny, tmp_path, seed=0)
    assert (len(found.calibration), len(found.report), found.report.labels) == (2, 2, None)
    assert next(found.calibration.batches(tiny.manifest.input, 8)).shape == (2, 1, 8, 8)


def test_a_damaged_photo_is_named(tiny: Bundle, tmp_path: Path) -> None:
    for k in range(2):
        (tmp_path / f"{k}.png").write_bytes(b"\x89PNG and no more")
    found = real_images(tiny, tmp_path, seed=0)
    with pytest.raises(DataError, match=r"[01]\.png is not an image file"):
        list(found.report.batches(tiny.manifest.input, 8))


def test_the_shipped_bundle_takes_half_of_the_shipped_images() -> None:
    found = real_images(Bundle.open(samples.bundle_path()), None, seed=0)
    assert (len(found.calibration), len(found.report)) == (500, 500)
    assert not set(found.calibration.rows) & set(found.report.rows)


def test_a_folder_that_the_bundle_names_is_not_looked_into(tiny: Bundle, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images")
    origin = {"dataset": "imagefolder", "config": {"data": {"root": str(folder)}}}
    trained = replace(tiny, manifest=msgspec.structs.replace(tiny.manifest, provenance=origin))
    with pytest.raises(DataError, match=r"imagefolder needs a root: .* or give --calibration"):
        real_images(trained, None, seed=0)
    assert len(real_images(trained, None, root=folder, seed=0).report) == 24


@pytest.mark.parametrize(
    "config", [[], {"data": []}, {"data": {"val_share": "x"}, "seed": "x"}, {"data": {"val_share": 7}, "seed": -1}]
)
def test_a_bundle_may_say_what_it_likes_about_its_training(tiny: Bundle, config: object) -> None:
    origin = {"dataset": "synthetic", "config": config}
    trained = replace(tiny, manifest=msgspec.structs.replace(tiny.manifest, provenance=origin))
    assert len(real_images(trained, None, seed=0).calibration) > 0


def test_a_data_set_calibrates_on_validation_images_and_reports_on_test_images(tiny: Bundle) -> None:
    origin = {"dataset": "synthetic", "config": {"data": {"root": None, "val_share": 0.25}, "seed": 3}}
    trained = replace(tiny, manifest=msgspec.structs.replace(tiny.manifest, provenance=origin))
    found = real_images(trained, None, seed=0)
    assert len(found.calibration) == pytest.approx(0.25 * len(found.calibration.images), rel=0.1)
    assert found.report.images is not found.calibration.images
    assert found.report.labels is not None


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"pixels": grey(4)}, "holds no array 'images'"),
        ({"images": grey(1)}, "holds 1 images; calibration and report need one each"),
        ({"images": grey(4), "labels": np.zeros(3, int)}, r"4 images and labels of int64 \[3\]"),
        ({"images": grey(4), "labels": np.zeros(4)}, r"labels of float64 \[4\]"),
        ({"images": grey(4), "labels": np.array([0, 1, 2, 5])}, "run from 0 to 5, the bundle knows the classes 0 to 4"),
        ({"images": np.array([None] * 4)}, "not a readable .npz file"),
    ],
)
def test_a_file_that_does_not_fit_says_why(
    tiny: Bundle, tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        real_images(tiny, save(tmp_path / "mine.npz", **arrays), seed=0)


def test_missing_and_truncated_files_and_unknown_names_are_refused(tiny: Bundle, tmp_path: Path) -> None:
    whole = save(tmp_path / "mine.npz", images=grey(40)).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty").mkdir()
    for data, sentence in {
        "half.npz": "not a readable .npz file",
        "none.npz": "no file .*none.npz; give --calibration with a folder",
        "empty": "no image in .*empty or below it",
    }.items():
        with pytest.raises(DataError, match=sentence):
            real_images(tiny, tmp_path / data, seed=0)
    with pytest.raises(DataError, match=r"unknown data set 'mnist-1d'.*or give --calibration"):
        real_images(tiny, "mnist-1d", seed=0)
    with pytest.raises(DataError, match=r"does not say which data set it was trained on; give --calibration"):
        real_images(tiny, None, seed=0)


def test_images_that_the_network_does_not_read_are_refused(tiny: Bundle, tmp_path: Path) -> None:
    found = real_images(tiny, save(tmp_path / "mine.npz", images=np.zeros((4, 3, 8, 8), np.float32)), seed=0)
    with pytest.raises(InputError, match=r"shape \[2, 3, 8, 8\]"):
        list(found.report.batches(tiny.manifest.input, 8))
