"""What goes wrong in a first hour: each message says what is wrong, what is allowed, and what to do next."""

import shlex
from pathlib import Path

import pytest
from cli_runs import Run, only_line
from photo_folders import flat_folder, photo_folder

ASKS = "give --data with a data set's name, a folder of images in one folder per class, a .csv file"
MISTAKES = [
    # what was typed, and pieces of the one line that comes back
    ("predict nothing.png", "nothing.png cannot be read: No such file", "check the path"),
    ("predict https://x.y/z.png", "is an address", "nothing is downloaded; save the image and give the file"),
    ("predict empty", "empty is a folder without images", "those that count end in .jpg, .jpeg, .png"),
    ("predict *.gif", "no file fits the pattern '*.gif'", "look with: ls *.gif"),
    ("predict {bundle}", "no image", "give files, folders, patterns such as 'photos/*.jpg', or - for stdin"),
    ("predict flat/1.png --tau 2", "tau is 2.0", "[0, 1]", "0 leaves at the first exit, 1 never early"),
    ("predict flat/1.png --csv --json", "both ask for stdout", "give one of them, and --save for the other"),
    ("predict flat/1.png --save a.txt", "--save a.txt ends in neither .csv nor .json", "name such a file"),
    ("predict flat/1.png --device gpu", "device 'gpu' is unknown", "give 'cpu', 'cuda', or 'cuda:1'"),
    (
        "predict {bundle} other.eeb flat/1.png",
        "are bundles, and one answers at a time",
        "run the command once for each",
    ),
    ("eval {bundle} --data flat", "flat holds no images in folders named after the classes", "put them into folders"),
    ("eval {bundle} --data nowhere", "unknown data set 'nowhere'", "known are digits", "nor is there a folder"),
    ("eval {bundle} --data empty", "empty is a folder without images", ASKS),
    ("eval {bundle} --data bad.csv", "has the columns a, b", "none called path or image", "cat/1.jpg,cat"),
    ("eval {bundle} --data shoe.csv", "images of 'shoe'", "its classes are class 0, class 1", "give these labels"),
    ("eval {bundle} --data lost.csv", "line 2: no image", "paths are relative to the folder of the list"),
    ("eval {bundle} --data missing.csv", "no file missing.csv", "its first line names the columns, path,label"),
    ("eval {bundle} --data missing.npz", "no file missing.npz", ASKS),
    ("eval {bundle} --data photos --root x", "--root x has no effect", "photos is no data set's name", "leave it out"),
    ("eval {bundle} --data others", "holds images of 'cat'", "its classes are class 0", "name the folder right above"),
    ("eval {bundle}", "does not say which data set it was trained on", ASKS),
    ("eval missing.eeb", "no bundle at missing.eeb", "eeinfer export checkpoint.pt --out missing.eeb"),
    ("eval phots.eeb", "no bundle at phots.eeb", "did you mean photos?"),
    ("eval photos", "photos holds images and is no bundle", "images are named behind it: --data photos"),
    ("eval empty", "empty is not a bundle", "no manifest.json", "give the folder that export wrote"),
    ("eval {bundle} --data photo", "unknown data set 'photo'", "nor is there a folder", "here (did you mean photos?)"),
    ("predict {bundle} flat/11.png", "No such file or directory", "did you mean flat/1.png?"),
    (
        "bench {bundle} --data 'photos/class 0'",
        "holds the images of one class",
        "name the folder above",
        "--data photos",
    ),
    ("bench {bundle} --data photos --grid even", "grid is 'even'", "auto, linspace, log, patience, budget"),
    ("bench {bundle} --data photos --thresholds 1", "thresholds is 1", "2 or more"),
    ("bench {bundle} --peer static", "--peer goes with --peers", "eeinfer bench --peers --peer"),
    ("compare {bundle}", "alone has nothing to be compared with", "give two bundles, or run eeinfer bench"),
    ("compare {bundle} {bundle}", "is named twice", "name each bundle once"),
    ("runs", "no folder runs", "name one that holds runs", "eeinfer train"),
    ("runs empty", "empty holds no runs", "no checkpoint.pt and no metrics.jsonl", "eeinfer train"),
    ("thresholds {bundle} --data photos", "of the promises --max-loss", "give exactly one, not none"),
    ("thresholds {bundle} --max-loss 5", "--max-loss is 5; is that 5%?", "Write the sign, or a share below 1"),
    ("prune {bundle} --keep a", "--keep is 'a'", "give numbers of exits, such as 0,2"),
    ("eval run", "run is a run, and no bundle yet", "make one of it with: eeinfer export run/checkpoint.pt"),
    ("train phots.toml", "phots.toml does not exist (did you mean photos?)", "eeinfer train digits --show"),
    ("train digits --method bed.py:A", "bed.py does not exist (did you mean bad.py?)", "the path of a file of Python"),
    ("train --data cifar10 --root photo", "the data folder photo does not exist (did you mean photos?)", "give the"),
    ("train --data flat", "flat holds images without classes", "put them into one folder per class"),
    ("train --data photos --root x", "--root x has no effect", "--data photos says where the images are"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    photo_folder(tmp_path / "photos", [f"class {k}" for k in range(5)], count=2)
    photo_folder(tmp_path / "others", ["cat", "dog"], count=1)
    flat_folder(tmp_path / "flat")
    (tmp_path / "empty").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").touch()
    (tmp_path / "bad.py").touch()
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    (tmp_path / "shoe.csv").write_text("path,label\nflat/1.png,shoe\n")
    (tmp_path / "lost.csv").write_text("path,label\nflat/99.png,class 0\n")
    return tmp_path


@pytest.mark.parametrize(("typed", "pieces"), [(typed, pieces) for typed, *pieces in MISTAKES])
def test_a_mistake_is_one_line_that_helps(
    run: Run, place: Path, tiny_bundle: Path, typed: str, pieces: list[str]
) -> None:
    done = run(*(word.replace("{bundle}", str(tiny_bundle)) for word in shlex.split(typed)))
    assert (done.status, done.out) == (1, "")
    lines = [
        line for line in done.err.splitlines() if not line.startswith("no bundle in this folder or its runs: using")
    ]
    line = only_line("\n".join(lines))
    assert line.startswith("error: ")
    assert [piece for piece in pieces if piece not in line] == []


def test_there_are_thirty() -> None:
    assert len(MISTAKES) >= 30
