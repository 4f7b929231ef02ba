"""export --golden and check: the same machine finds the same bits, and a difference is said."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_runs import Run, only_line
from planted_roots import image_folder, planted

from eeinfer.bundle.folder import Bundle
from eeinfer.golden.file import golden_path, read_golden, write_golden


@pytest.fixture
def recorded(run: Run, bundle_copy: Path) -> Path:
    done = run("export", bundle_copy, "--golden")
    assert done.status == 0, done.err
    assert Path(done.out.strip()) == golden_path(bundle_copy)
    return golden_path(bundle_copy)


def test_the_same_machine_gives_the_same_bits(run: Run, bundle_copy: Path, recorded: Path) -> None:
    done = run("check", bundle_copy, "--tolerance", 0)
    assert done.status == 0, done.err
    assert "exit 2: max error 0.0e+00, score 0.0e+00, predictions equal" in done.out
    assert "every row leaves where it left" in done.out
    facts = json.loads(run("check", bundle_copy, "--golden", recorded, "--json").out)
    assert (facts["differences"], facts["rows"], facts["golden"]) == ([], 32, str(recorded))


def test_rows_leave_at_several_exits_and_one_cannot_be_answered(bundle_copy: Path, recorded: Path) -> None:
    opened = Bundle.open(bundle_copy)
    golden = read_golden(recorded, opened.manifest, opened.fingerprint)
    assert set(golden.exits.tolist()) == {-1, 0, 2}  # exit 1 gives every random row the score 1


@pytest.mark.parametrize(
    ("entry", "change", "words"),
    [
        ("logits", 1, r"a logit of exit 1 is off by 1, more than 0.0\d+"),
        ("scores", 0.01, "a score of exit 1 is off by 0.01"),
        ("predictions", 1, "exit 1 predicts another class for 1 of 32 rows"),
    ],
)
def test_another_answer_is_said(
    run: Run, bundle_copy: Path, recorded: Path, entry: str, change: float, words: str
) -> None:
    opened = Bundle.open(bundle_copy)
    golden = read_golden(recorded, opened.manifest, opened.fingerprint)
    array = getattr(golden, entry)
    at = (3, 1, 0) if entry == "logits" else (3, 1)
    array[at] = (array[at] + change) % 5 if entry == "predictions" else array[at] + change
    write_golden(recorded, golden)
    done = run("check", bundle_copy)
    assert done.status == 1
    assert re.search(words, done.err)
    assert run("check", bundle_copy, "--tolerance", 100).status == 0


def test_a_row_that_leaves_elsewhere_is_said(run: Run, bundle_copy: Path, recorded: Path) -> None:
    opened = Bundle.open(bundle_copy)
    golden = read_golden(recorded, opened.manifest, opened.fingerprint)
    row = int(np.flatnonzero(golden.exits == 0)[0])
    golden.exits[row] = 1
    write_golden(recorded, golden)
    done = run("check", bundle_copy)
    assert done.status == 1
    assert f"1 of 32 rows leave at another exit, the first is row {row}" in only_line(done.err)


def test_the_images_of_a_run_are_recorded_from_root(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "images")
    trained = planted(checkpoint, tmp_path / "elsewhere.pt", tmp_path / "nowhere")
    done = run("export", trained, "--root", root, "--golden", "--out", "mine.eeb")
    assert done.status == 0, done.err
    assert "recording 24 images of imagefolder" in done.err
    again = run("export", "mine.eeb", "--golden", "--root", root, "--force")
    assert again.status == 0, again.err
    assert "recording 24 images of imagefolder" in again.err
    without = run("export", "mine.eeb", "--golden", "--force")
    assert "recording random rows" in without.err


def test_a_root_without_the_images_of_the_run_is_refused(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    root = image_folder(tmp_path / "images")
    trained = planted(checkpoint, tmp_path / "elsewhere.pt", tmp_path / "nowhere")
    assert run("export", trained, "--root", root, "--out", "mine.eeb").status == 0
    (tmp_path / "empty").mkdir()
    done = run("export", "mine.eeb", "--golden", "--root", tmp_path / "empty")
    assert done.status == 1
    assert "no images of 'imagefolder'" in only_line(done.err)
    assert not golden_path(Path("mine.eeb")).exists()


def test_the_images_of_a_run_are_recorded_of_a_bundle_that_normalises_them(
    run: Run, checkpoint: Path, tmp_path: Path
) -> None:
    root = image_folder(tmp_path / "images")
    trained = planted(checkpoint, tmp_path / "elsewhere.pt", root)
    assert run("export", trained, "--root", root, "--out", "mine.eeb").status == 0
    assert run("export", "mine.eeb", "--fold-preprocess", "nchw", "--out", "pixels.eeb").status == 0
    other = run("export", "pixels.eeb", "--golden", "--root", root)
    assert other.status == 1
    assert "scale them first" in only_line(other.err)
    channels, height, _ = Bundle.open("pixels.eeb").manifest.input.tensor.sizes()
    fitting = image_folder(tmp_path / "fitting", size=height)
    done = run("export", "pixels.eeb", "--golden", "--root", fitting)
    assert done.status == 0, done.err
    assert "recording 24 images of imagefolder" in done.err
    with np.load(golden_path(Path("pixels.eeb"))) as arrays:
        assert arrays["input_00"].shape == (24, channels, height, height)
    assert run("check", "pixels.eeb", "--tolerance", 0).status == 0


def test_a_root_is_refused_where_no_images_are_read(run: Run, words_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(words_bundle, tmp_path / "words.eeb")
    done = run("export", "words.eeb", "--golden", "--root", tmp_path)
    assert done.status == 1
    assert "reads no images" in only_line(done.err)
    assert not golden_path(tmp_path / "words.eeb").exists()


def test_without_a_golden_file_nothing_is_compared_and_that_is_said(run: Run, bundle_copy: Path) -> None:
    done = run("check", bundle_copy)
    assert done.status == 0
    assert "hashes ok, 3 segments run" in done.out
    assert "nothing was compared" in done.err
    assert json.loads(run("check", bundle_copy, "--json").out)["golden"] is None
    (bundle_copy / "weights.bin").write_bytes(b"x" * (bundle_copy / "weights.bin").stat().st_size)
    done = run("check", bundle_copy)
    assert done.status == 1
    assert "weights.bin was altered" in only_line(done.err)


def test_texts_and_pixels_are_recorded(run: Run, words_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(words_bundle, tmp_path / "words.eeb")
    assert run("export", "words.eeb", "--golden").status == 0
    assert run("check", "words.eeb", "--tolerance", 0).status == 0
    import eeinfer.samples

    shipped = shutil.copytree(eeinfer.samples.bundle_path(), tmp_path / "fashion.eeb")
    assert run("export", shipped, "--golden").status == 0
    assert run("check", shipped, "--tolerance", 0).status == 0
    with np.load(golden_path(shipped)) as arrays:
        assert arrays["input_00"].dtype == np.uint8


def test_of_a_checkpoint_both_are_written(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    done = run("export", checkpoint, "--golden", "--out", "mine.eeb")
    assert (done.status, done.out) == (0, "mine.eeb\n"), done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.eeb", "mine.golden.npz"]
    assert run("check", "mine.eeb").status == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("export", "{bundle}", "--golden"), "replace it with --force"),
        (("export", "{bundle}", "--golden", "--out", "x.eeb"), "leave out --out x.eeb"),
        (("export", "{bundle}", "--golden", "--single-file"), "leave out --single-file"),
        (("export", "missing.eeb", "--golden"), "no bundle at missing.eeb"),
        (("check", "{bundle}", "--golden", "none.npz"), "no file none.npz; record one with"),
        (("check", "{bundle}", "--tolerance", "-1"), "--tolerance is -1.0; give 0 or more"),
    ],
)
def test_mistakes_say_what_to_do(
    run: Run, bundle_copy: Path, recorded: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*(argument.format(bundle=bundle_copy) for argument in arguments))
    assert (done.status, done.out) == (1, "")
    assert sentence in only_line(done.err)
