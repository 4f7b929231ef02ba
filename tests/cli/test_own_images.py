"""Images of a user's own, through every command that takes some."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from altered_bundles import edit
from cli_runs import Run, only_line
from photo_folders import flat_folder, listed, photo_folder

from eeinfer.bench import bench_data
from eeinfer.bench.data import given_images
from eeinfer.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photo_folder(tmp_path / "photos", [f"class {k}" for k in range(5)])


@pytest.mark.parametrize("form", ["folder", "csv", "npz"])
def test_eval_counts_right_answers_of_any_form(run: Run, tiny_bundle: Path, folder: Path, form: str) -> None:
    data = folder if form == "folder" else listed(folder.parent / "list.csv", folder)
    if form == "npz":
        found = bench_data(tiny_bundle, str(folder))
        data = folder.parent / "arrays.npz"
        np.savez(data, images=np.stack(list(found.images)), labels=found.labels)
    report = json.loads(run("eval", tiny_bundle, "--data", data, "--json").out)
    assert report["images"] == sum(map(sum, report["confusion"])) == 50
    text = run("eval", tiny_bundle, "--data", data).out
    assert f"cascade: {report['accuracy']:.2%} right" in text
    assert "is \\ answered" in text


def test_eval_needs_labels_and_says_how_to_give_them(run: Run, tiny_bundle: Path, tmp_path: Path) -> None:
    line = only_line(run("eval", tiny_bundle, "--data", flat_folder(tmp_path / "flat")).err)
    assert "put them into folders such as" in line
    assert "or list them in a .csv file with the columns path,label" in line
    listed(tmp_path / "list.csv", tmp_path / "flat", header="path,note")
    line = only_line(run("eval", tiny_bundle, "--data", tmp_path / "list.csv").err)
    assert "has no column 'label'" in line


def test_a_divided_folder_gives_its_test_part(tiny_bundle: Path, tmp_path: Path) -> None:
    photo_folder(tmp_path / "photos" / "train", count=4)
    photo_folder(tmp_path / "photos" / "test", count=2)
    assert len(bench_data(tiny_bundle, str(tmp_path / "photos")).labels) == 4


def test_of_the_folder_trained_on_what_training_left_out(bundle_copy: Path, folder: Path) -> None:
    edit(bundle_copy, lambda data: data.update(provenance={"folder": "photos", "held_out": True}))
    found = bench_data(bundle_copy, str(folder))
    assert 5 <= len(found.labels) < 50
    assert found.name.endswith(f"the {len(found.labels)} of 50 that training left out")
    edit(bundle_copy, lambda data: data.update(provenance={"folder": "others", "held_out": True}))
    assert len(bench_data(bundle_copy, str(folder)).labels) == 50


def test_a_bundle_of_a_folder_says_which_one_it_wants(run: Run, bundle_copy: Path) -> None:
    facts = {"dataset": "imagefolder", "folder": "photos", "held_out": True}
    edit(bundle_copy, lambda data: data.update(provenance=facts))
    line = only_line(run("bench", bundle_copy).err)
    assert "was trained on images of your own, 'photos' with the classes class 0, class 1" in line
    assert line.endswith("say where they are, as with --data photos")


def test_a_root_beside_a_folder_is_refused(run: Run, tiny_bundle: Path, folder: Path) -> None:
    for command in ("bench", "eval", "prune"):
        line = only_line(run(command, tiny_bundle, "--data", folder, "--root", folder).err)
        assert "has no effect" in line
    line = only_line(run("train", "--data", folder, "--root", folder).err)
    assert "says where the images are; leave it out" in line


def test_a_root_says_where_a_data_set_lies(run: Run, tiny_bundle: Path, tmp_path: Path) -> None:
    line = only_line(run("eval", tiny_bundle, "--data", "cifar10", "--root", tmp_path).err)
    assert f"no cifar-10-batches-py in {tmp_path}" in line


def test_images_without_labels_are_enough_where_none_are_needed(tiny_bundle: Path, tmp_path: Path) -> None:
    found = given_images(tiny_bundle, str(flat_folder(tmp_path / "flat")))
    assert (len(found), found.labels) == (3, None)
    with pytest.raises(DataError, match="accuracy needs to know each image's class"):
        bench_data(tiny_bundle, str(tmp_path / "flat"))


# --- predict ---


def test_predict_takes_folders_patterns_and_a_bundle_among_them(run: Run, tiny_bundle: Path, folder: Path) -> None:
    done = run("predict", tiny_bundle, folder / "class 0", str(folder / "class 1" / "[01].png"), "--json")
    rows = json.loads(done.out)
    assert len(rows) == 12
    assert rows[-1]["image"].endswith("1.png")
    assert {row["bundle"] for row in rows} == {str(tiny_bundle)}
    assert f"answered by tiny, {tiny_bundle}" in run("predict", tiny_bundle, folder / "class 0").err


def test_who_answered_is_said_before_the_table_where_both_streams_are_one(tiny_bundle: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "eeinfer", "predict", str(tiny_bundle), str(folder / "class 0")]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True)
    said, head, *rows = done.stdout.splitlines()
    assert said == f"answered by tiny, {tiny_bundle}"
    assert head.startswith("image ")
    assert all(row.startswith(str(folder)) for row in rows)


def test_predict_shows_the_most_probable_classes(run: Run, tiny_bundle: Path, folder: Path) -> None:
    [row] = json.loads(run("predict", tiny_bundle, folder / "class 0" / "0.png", "--top", "9", "--json").out)
    shares = [one["probability"] for one in row["top"]]
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert row["top"][0]["class"] == row["class"]
    assert f"{row['class']} {shares[0]:.3f}" in run("predict", tiny_bundle, folder / "class 0/0.png", "--top", "1").out


def test_predict_as_csv_and_into_files(run: Run, tiny_bundle: Path, folder: Path, tmp_path: Path) -> None:
    done = run("predict", tiny_bundle, folder / "class 0", "--csv", "--top", "1", "--save", tmp_path / "new/a.json")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    kept = json.loads((tmp_path / "new/a.json").read_text())
    assert [row["image"] for row in rows] == [row["image"] for row in kept]
    assert rows[0]["class_1"] == kept[0]["top"][0]["class"]
    run("predict", tiny_bundle, folder / "class 0", "--save", tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 11


@pytest.mark.parametrize("form", ["image", "paths"])
def test_predict_reads_stdin(
    run: Run, tiny_bundle: Path, folder: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = folder / "class 0" / "0.png"
    content = image.read_bytes() if form == "image" else f"{image}\n{image}\n".encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    rows = json.loads(run("predict", tiny_bundle, "-", "--json").out)
    assert [row["image"] for row in rows] == (["-"] if form == "image" else [str(image)] * 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("https://example.com/cat.jpg",),
            "is an address, and nothing is downloaded; save the image and give the file",
        ),
        (("nothing*.png",), "no file fits the pattern 'nothing*.png'"),
        (("{folder}", "--csv", "--json"), "--csv and --json both ask for stdout"),
        (("{folder}", "--save", "a.txt"), "ends in neither .csv nor .json"),
        (("{folder}", "--bundle", "other.eeb"), "are bundles, and one answers at a time"),
        ((), "no image: give files, folders, patterns such as"),
        (("empty",), "empty is a folder without images; those that count end in .jpg"),
    ],
)
def test_mistakes_of_predict(
    run: Run, tiny_bundle: Path, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder.parent / "empty").mkdir()
    done = run("predict", tiny_bundle, *(argument.format(folder=folder) for argument in arguments))
    assert done.status == 1
    assert sentence in only_line(done.err)
    assert done.out == ""
