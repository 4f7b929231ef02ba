import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altered_bundles import edit
from PIL import Image
from planted_roots import image_folder

from eeinfer import samples
from eeinfer.arrays import take
from eeinfer.bench import bench_data
from eeinfer.bench.data import check_data
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest
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
        (lambda path: np.savez(path, images=np.zeros(3)), "holds no array 'labels'; save images, labels"),
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


def test_a_folder_that_the_bundle_names_is_not_looked_into(bundle_copy: Path, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images")
    facts = {"dataset": "imagefolder", "config": {"data": {"root": str(folder)}}}
    edit(bundle_copy, lambda data: data.update(provenance=facts))
    with pytest.raises(DataError, match=r"imagefolder needs a root: .* or give --data"):
        bench_data(bundle_copy)


def test_a_name_goes_before_the_data_set_of_the_training(bundle_copy: Path) -> None:
    assert bench_data(trained_on(bundle_copy, "cifar10"), "synthetic").name == "synthetic, test part"


def test_the_shipped_bundle_is_known_by_its_manifest(
    bundle_copy: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "bundle_path", lambda: tiny_bundle)
    monkeypatch.setattr(samples, "images", lambda: (np.zeros((4, 8, 8), np.uint8), np.arange(4)))
    assert bench_data(bundle_copy).labels.tolist() == [0, 1, 2, 3]


def test_a_data_set_without_the_training_part_names_its_extra(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "eeinfer.training.data":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        DependencyError, match=r"no folder or file digits here; the data set 'digits' .*eeinfer\[train\]"
    ):
        bench_data(tiny_bundle, "digits")
    with pytest.raises(DependencyError, match=r"here \(did you mean photos\?\); .*images of your own need none of it"):
        bench_data(tiny_bundle, "photo")


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


def write_photos(folder: Path, *places: str) -> Path:
    for k, place in enumerate(places):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10 + k, 9), (20 * k, 0, 0)).save(folder / place)
    return folder


def test_images_lie_in_folders_named_after_the_classes(tiny_bundle: Path, tmp_path: Path) -> None:
    places = (
        "class 3/a.png",
        "class 1/b.jpg",
        "class 1/deep/c.PNG",
        ".cache/d.png",
        "@eaDir/e.png",
        "class 1/.thumbnails/f.png",
        "class 1/notes.txt",
    )
    folder = write_photos(tmp_path / "photos", *places[:-1])
    (folder / places[-1]).write_text("no image")
    (folder / "class 2").mkdir()
    found = bench_data(tiny_bundle, str(folder))
    assert found.labels.tolist() == [1, 1, 3]
    assert [path.name for path in found.images.paths] == ["b.jpg", "c.PNG", "a.png"]
    assert found.images[0].shape == (9, 11, 1), "grey, as the network reads"


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (("a.png", "b.png"), "holds no images in folders named after the classes"),
        ((".hidden/a.png",), "photos holds no images; those that count end in .jpg"),
        (
            ("class 0/a.png", "cat/b.png"),
            "holds images of 'cat', which .* 'tiny' does not know; its classes are class 0, class 1",
        ),
        (("val/class 0/a.png",), "holds images of 'val'.*name the folder right above"),
    ],
)
def test_a_folder_without_known_classes_is_refused(
    tiny_bundle: Path, tmp_path: Path, places: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        bench_data(tiny_bundle, str(write_photos(tmp_path / "photos", *places)))


def test_a_folder_of_a_run_does_not_hide_the_data_set_of_its_name(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "synthetic").mkdir()
    monkeypatch.chdir(tmp_path)
    assert bench_data(tiny_bundle, "synthetic").name == "synthetic, test part"


def test_a_folder_is_read_without_the_training_part(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos", "class 0/a.png", "class 4/b.png")
    code = (
        "import sys\nfrom eeinfer.bench import bench_data\n"
        f"found = bench_data({str(tiny_bundle)!r}, {str(folder)!r})\nfound.images[1]\n"
        "assert not {'torch', 'torchvision', 'timm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
