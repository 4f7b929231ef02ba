"""export --triton."""

from pathlib import Path

import pytest
from cli_runs import Run, only_line


def test_the_repository_is_printed_and_how_to_start_it_is_said(run: Run, tiny_bundle: Path, tmp_path: Path) -> None:
    done = run("export", tiny_bundle, "--triton", "models")
    assert (done.status, done.out) == (0, "models\n"), done.err
    assert "tritonserver --model-repository models" in done.err
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"tiny", "tiny_stream"}
    again = run("export", tiny_bundle, "--triton", "models")
    assert (again.status, "models exists" in only_line(again.err)) == (1, True)
    parts = run("export", tiny_bundle, "--triton", "parts", "--segments", "onnxruntime")
    assert (parts.status, len([*(tmp_path / "parts").iterdir()])) == (0, 4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("{bundle}", "--segments", "python"), "add --triton FOLDER"),
        (("{bundle}", "--triton", "models", "--segments", "torch"), "onnxruntime or python, not by 'torch'"),
        (("{bundle}", "--triton", "models", "--trt"), "--trt makes another one"),
        (("{bundle}", "--triton", "models", "--out", "x"), "--out makes another one"),
        (("missing.pt", "--triton", "models"), "write it first: eeinfer export missing.pt"),
        (("missing.eeb", "--triton", "models"), "no bundle at missing.eeb"),
    ],
)
def test_mistakes_say_what_to_do(run: Run, tiny_bundle: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("export", *(argument.format(bundle=tiny_bundle) for argument in arguments))
    assert (done.status, done.out) == (1, "")
    assert sentence in only_line(done.err)
