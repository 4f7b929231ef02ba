"""export --fold-preprocess, of a bundle and of a checkpoint."""

from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer.bundle.folder import Bundle


def test_of_a_bundle_a_new_one_is_made(run: Run, bundle_copy: Path) -> None:
    done = run("export", bundle_copy, "--fold-preprocess", "nhwc", "--golden")
    assert done.status == 0, done.err
    path = Path(done.out.strip())
    assert Bundle.open(path).manifest.inputs[0].tensor.shape == (8, 8, 1)
    assert "max error" in done.err
    assert run("check", path, "--tolerance", 0).status == 0


def test_of_a_checkpoint_only_that_is_left(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    done = run("export", checkpoint, "--fold-preprocess", "nchw", "--out", "mine.eeb")
    assert (done.status, done.out) == (0, "mine.eeb\n"), done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.eeb"]
    assert Bundle.open(tmp_path / "mine.eeb").manifest.inputs[0].tensor.dtype == "uint8"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("chw",), "give nchw or nhwc"),
        (("nchw", "--precision", "int8"), "reduce its precision first"),
        (("nchw", "--single-file"), "writes a bundle"),
    ],
)
def test_mistakes_say_what_to_do(run: Run, bundle_copy: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("export", bundle_copy, "--fold-preprocess", *arguments)
    assert (done.status, done.out) == (1, "")
    assert sentence in only_line(done.err)
