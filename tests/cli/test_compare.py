import json
from pathlib import Path
from shutil import copytree

import pytest
from cli_runs import Run, only_line
from photo_folders import photo_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return photo_folder(tmp_path / "photos", [f"class {k}" for k in range(5)], count=4)


def test_compare_prints_and_writes(run: Run, tiny_bundle: Path, folder: Path) -> None:
    other = copytree(tiny_bundle, folder.parent / "other.eeb")
    arguments = ("--data", folder, "--rounds", 1, "--timed", 2, "--threads", 1)
    done = run("compare", tiny_bundle, other, *arguments)
    assert done.status == 0, done.err
    assert "2 bundles on the images in" in done.out
    assert "other.eeb" in done.out
    assert {path.suffix for path in Path("comparison").iterdir()} == {".json", ".csv", ".html"}
    again = run("compare", tiny_bundle, other, *arguments, "--max-images", 10, "--json")
    assert json.loads(again.out)["images"] == 10
    assert Path("comparison-2/comparison.html").is_file()


def test_mistakes_of_compare(run: Run, tiny_bundle: Path, bundle_copy: Path, folder: Path) -> None:
    assert "alone has nothing to be compared with" in only_line(run("compare", tiny_bundle).err)
    line = only_line(run("compare", tiny_bundle, bundle_copy).err)
    assert "does not say which data set it was trained on; give --data" in line
    assert "no bundle at missing.eeb" in only_line(run("compare", tiny_bundle, "missing.eeb", "--data", folder).err)
    assert "named twice" in only_line(run("compare", tiny_bundle, tiny_bundle, "--data", folder).err)
