import gzip
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
