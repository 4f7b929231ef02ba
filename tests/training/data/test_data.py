import gzip
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eeinfer.errors import DataError
from eeinfer.training.data import DATASETS, load_dataset
from eeinfer.training.data.split import stratified

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def write_fashion(folder: Path, *, packed: bool = True) -> Path:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (folder / name).write_bytes(idx(array))
    return folder


def write_cifar10(root: Path) -> Path:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        rows = np.full((10, 3072), 7, np.uint8)
        rows[:, :1024] = 200  # red comes first
        content = {"data": rows, "labels": list(range(10))}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    names = {"label_names": [f"class {number}" for number in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    return folder


def write_folders(root: Path, *, val: str = "test") -> Path:
    for part, count in (("train", 3), (val, 2)):
        for colour, label in ((10, "cat"), (240, "dog")):
            folder = root / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (20 + number, 30), (colour, 0, 0)).save(folder / f"{number}.png")
    return root


def test_digits_are_split_the_same_way_every_time() -> None:
    first, second = load_dataset("digits"), load_dataset("digits")
    assert first.train.images.shape == (1438, 8, 8)
    assert first.test.images.shape == (359, 8, 8)
    assert first.train.images.dtype == np.uint8
    assert np.array_equal(first.test.images, second.test.images)
    assert first.train.images.max() == 255
    assert set(np.unique(first.test.labels)) == set(range(10))
    assert first.train.images.mean() / 255 == pytest.approx(first.mean[0], abs=1e-3)
    assert first.train.images.std() / 255 == pytest.approx(first.std[0], abs=1e-3)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", ["FashionMNIST/raw", "fashion-mnist", "."])
def test_fashion_mnist_is_found_in_every_layout(tmp_path: Path, layout: str, packed: bool) -> None:
    root = tmp_path / "root"
    write_fashion(root / layout, packed=packed)
    dataset = load_dataset("fashion-mnist", root)
    assert dataset.train.images.shape == (30, 28, 28)
    assert dataset.test.labels.tolist() == [*range(10), *range(10)]
    assert dataset.input().tensor.shape == (1, 28, 28)
    assert dataset.classes[9] == "Ankle boot"


def test_fashion_mnist_is_found_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fashion(tmp_path / "fashion-mnist")
    monkeypatch.setenv("EEINFER_DATA", str(tmp_path))
    assert len(load_dataset("fashion-mnist").train) == 30


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_whole() -> None:
    dataset = load_dataset("fashion-mnist", DEBIAN)
    assert len(dataset.train) == 60_000
    assert len(dataset.test) == 10_000
    assert np.bincount(dataset.train.labels).tolist() == [6000] * 10
    assert dataset.train.images.mean() / 255 == pytest.approx(0.286, abs=1e-3)
    assert dataset.train.images.std() / 255 == pytest.approx(0.353, abs=1e-3)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def repacked(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: gzip.compress(change(gzip.decompress(content)))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte.gz", truncated, "damaged"),
        ("train-images-idx3-ubyte.gz", lambda _: b"<html>not found</html>", "damaged"),
        ("train-labels-idx1-ubyte.gz", repacked(truncated), "no idx file of bytes, or is cut short"),
        ("train-labels-idx1-ubyte.gz", repacked(lambda _: b""), "no idx file"),
        ("train-labels-idx1-ubyte.gz", repacked(lambda _: idx(np.zeros(7, np.uint8))), "do not fit"),
        ("train-labels-idx1-ubyte.gz", repacked(lambda _: idx(np.full(30, 99, np.uint8))), "do not fit"),
    ],
)
def test_damaged_fashion_mnist_is_refused_with_the_way_to_get_it(
    tmp_path: Path, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    folder = write_fashion(tmp_path / "fashion-mnist")
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(DataError, match=f"{message}.*dataset-fashion-mnist.*github.com/zalandoresearch"):
        load_dataset("fashion-mnist", folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = write_fashion(tmp_path / "fashion-mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\(\.gz\)"):
        load_dataset("fashion-mnist", folder)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("fashion-mnist", "dataset-fashion-mnist"),
        ("cifar10", r"cifar-10-python\.tar\.gz from https://www\.cs\.toronto\.edu"),
        ("cifar100", r"cifar-100-python\.tar\.gz"),
        ("imagenette", r"imagenette2-320\.tgz from https://github\.com/fastai"),
    ],
)
def test_missing_data_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    with pytest.raises(DataError, match=f"{advice}.*EEINFER_DATA"):
        load_dataset(name, tmp_path)


def test_a_root_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the data folder .*none does not exist"):
        load_dataset("cifar10", tmp_path / "none")


def test_unknown_data_sets_are_refused() -> None:
    with pytest.raises(DataError, match="unknown data set 'mnist': known are digits, fashion-mnist, cifar10"):
        load_dataset("mnist")


def test_cifar10_keeps_colours_and_labels_in_place(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    dataset = load_dataset("cifar10", tmp_path)
    assert dataset.train.images.shape == (50, 32, 32, 3)
    assert (dataset.train.images[0] == [200, 7, 7]).all()
    assert dataset.test.labels.tolist() == list(range(10))
    assert dataset.classes[3] == "class 3"


def test_cifar100_reads_its_fine_labels(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    rows = np.zeros((100, 3072), np.uint8)
    content = pickle.dumps({"data": rows, "fine_labels": list(range(100)), "coarse_labels": [0] * 100}, protocol=2)
    for name in ("train", "test"):
        (folder / name).write_bytes(content)
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(n) for n in range(100)]}, protocol=2))
    assert load_dataset("cifar100", folder).test.labels[99] == 99


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"data": np.zeros((10, 3072), np.uint8), "labels": [0] * 10})[:50], "damaged"),
        (pickle.dumps([1, 2]), "holds a list"),
        (pickle.dumps({"labels": [0]}), "does not hold what"),
        (pickle.dumps({"data": np.zeros((10, 5), np.uint8), "labels": [0] * 10}), "does not hold what"),
        (pickle.dumps({"data": np.zeros((10, 3072), np.uint8), "labels": [99] * 10}), "do not fit each other"),
    ],
)
def test_damaged_cifar_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (write_cifar10(tmp_path) / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset("cifar10", tmp_path)


def test_cifar_files_run_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (sys.exit, (3,))

    (write_cifar10(tmp_path) / "test_batch").write_bytes(pickle.dumps({"data": Trap()}))
    with pytest.raises(DataError, match=r"wants to load .*exit"):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize("val", ["test", "val"])
def test_folders_of_images_are_read_by_class(tmp_path: Path, val: str) -> None:
    dataset = load_dataset("imagefolder", write_folders(tmp_path, val=val))
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.train.images[3].shape == (30, 20, 3)
    assert dataset.train.images[3][0, 0].tolist() == [240, 0, 0]
    assert [image.shape[1] for image in dataset.test.images[np.array([0, 1])]] == [20, 21]
    assert dataset.input((64, 64)).preprocess.resize == 73  # type: ignore[union-attr]


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


def test_every_data_set_is_in_the_table() -> None:
    assert {"digits", "fashion-mnist", "cifar10", "cifar100", "imagenette", "imagefolder"} <= set(DATASETS)


def test_the_split_is_stratified_seeded_and_whole() -> None:
    labels = np.repeat(np.arange(4), [100, 50, 10, 1])
    rest, chosen = stratified(labels, 0.1, seed=3)
    assert np.bincount(labels[chosen], minlength=4).tolist() == [10, 5, 1, 0]
    assert sorted([*rest, *chosen]) == list(range(161))
    again = stratified(labels, 0.1, seed=3)[1]
    assert np.array_equal(again, chosen)
    assert not np.array_equal(stratified(labels, 0.1, seed=4)[1], chosen)


def test_no_share_takes_nothing() -> None:
    rest, chosen = stratified(np.arange(6) % 2, 0.0, seed=0)
    assert len(rest) == 6
    assert len(chosen) == 0
