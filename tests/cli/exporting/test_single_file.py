"""export --single-file, of a bundle and of a checkpoint."""

from pathlib import Path

import pytest
from cli_runs import Run, only_line


def test_of_a_bundle_the_file_is_printed(run: Run, tiny_bundle: Path, tmp_path: Path) -> None:
    done = run("export", tiny_bundle, "--single-file", "--out", "new/mine")
    assert (done.status, Path(done.out.strip())) == (0, Path("new/mine.onnx")), done.err
    assert "verified against the bundle" in done.err
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.onnx"]
    again = run("export", tiny_bundle, "--single-file", "--out", "new/mine")
    assert again.status == 1
    assert "--force" in only_line(again.err)


def test_of_a_checkpoint_only_the_file_is_left(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    done = run("export", checkpoint, "--single-file", "--out", "mine.onnx")
    assert (done.status, done.out) == (0, "mine.onnx\n"), done.err
    assert "verified against torch" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.onnx"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("{bundle}",), "is a bundle, exported already; make one ONNX file of it with --single-file"),
        (("missing.eeb", "--single-file"), "no bundle at missing.eeb"),
        (("missing.pt", "--single-file"), "checkpoint missing.pt does not exist"),
        (("missing.pt", "--out", "mine.onnx"), "add --single-file, or name a bundle, mine.eeb"),
        (("{bundle}", "--single-file", "--out", "mine.eeb"), "--out mine.onnx"),
        (("{bundle}", "--single-file", "--out", "."), "is a folder"),
    ],
)
def test_mistakes_say_what_to_do(run: Run, tiny_bundle: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("export", *(argument.format(bundle=tiny_bundle) for argument in arguments))
    assert (done.status, done.out) == (1, "")
    assert sentence in only_line(done.err)
