import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eeinfer import samples
from eeinfer.arrays import take
from eeinfer.bench import bench_data
from eeinfer.bench.data import check_data
from eeinfer.bundle.folder import Bundle, write_manifest
from eeinfer.errors import DataError, DependencyError


def test_arrays_come_from_a_file(tmp_path: Path, tiny_bundle: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(3))
    found = bench_data(tiny_bundle, str(tmp_path / "mine.npz"))
    assert (found.name, found.images.shape, found.labels.tolist()) == ("mine", (3, 8, 8), [0, 1, 2])


def write_pickle(path: Path) -> None:
    np.savez(path, images=np.array([{"a": 1}], dtype=object), labels=np.arange(1))


def write_half(path: Path) -> None:
    np.savez(path, images=np.zeros((30, 8, 8)), labels=np.arange(30))
    path.write_bytes(path.read_bytes()[:200])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda _: None, "no file"),
        (lambda path: path.write_bytes(b""), "not a readable .npz"),
        (lambda path: path.write_bytes(b"plain text, no archive"), "not a readable .npz"),
        (lambda path: np.savez(path, images=np.zeros(3)), "holds no array 'images' or no 'labels'"),
        (write_pickle, "not a readable .npz"),
        (write_half, "not a readable .npz"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(write: Any, message: str, tmp_path: Path, tiny_bundle: Path) -> None:
    write(tmp_path / "bad.npz")
    with pytest.raises(DataError, match=message):
        bench_data(tiny_bundle, str(tmp_path / "bad.npz"))


def test_a_bundle_that_names_no_data_set_says_what_to_give(tiny_bundle: Path) -> None:
    with pytest.raises(DataError, match=r"does not say which data set it was trained on; give --data"):
        bench_data(tiny_bundle)


def trained_on(bundle: Path, dataset: object) -> Path:
    import msgspec

    manifest = Bundle.open(bundle).manifest
    write_manifest(bundle, msgspec.structs.replace(manifest, provenance={"dataset": dataset}))
    return bundle


def test_the_data_set_of_the_training_is_taken(bundle_copy: Path) -> None:
    found = bench_data(trained_on(bundle_copy, "synthetic"))
    assert found.name == "synthetic, test part"
    assert len(found.images) == len(found.labels) > 10


def test_a_name_goes_before_the_data_set_of_the_training(bundle_copy: Path) -> None:
    assert bench_data(trained_on(bundle_copy, "cifar10"), "synthetic").name == "synthetic, test part"


def test_the_shipped_bundle_is_known_by_its_manifest(
    bundle_copy: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "bundle_path", lambda: tiny_bundle)
    monkeypatch.setattr(samples, "images", lambda: (np.zeros((4, 8, 8), np.uint8), np.arange(4)))
    assert bench_data(bundle_copy).labels.tolist() == [0, 1, 2, 3]


def test_a_data_set_without_the_training_part_names_its_extra(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "eeinfer.training.data":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DependencyError, match=r"eeinfer\[train\]"):
        bench_data(tiny_bundle, "digits")


def test_an_unknown_data_set_lists_the_known(tiny_bundle: Path) -> None:
    with pytest.raises(DataError, match="digits"):
        bench_data(tiny_bundle, "no-such-data")


def test_images_are_taken_in_the_form_they_come_in() -> None:
    array, rows = np.arange(12).reshape(4, 3), np.array([2, 0])
    assert take(array, rows).tolist() == [[6, 7, 8], [0, 1, 2]]
    assert take(["a", "b", "c"], rows) == ["c", "a"]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (2, [0, 1, 2], "2 images and 3 labels"),
        (0, np.zeros(0, np.int64), "0 images and 0 labels"),
        (2, [0, 5], "the bundle knows the classes 0 to 4"),
        (2, [-1, 0], "run from -1 to 0"),
        (2, [0.0, 1.0], "one whole number per image"),
        (2, [[0], [1]], "one whole number per image"),
    ],
)
def test_labels_that_do_not_fit_are_refused(images: int, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_data(np.zeros((images, 8, 8)), labels, 5)


def test_labels_of_any_integer_type_become_one() -> None:
    assert check_data([1, 2], np.array([0, 4], np.uint8), 5).dtype == np.int64
