"""export --precision, of a bundle and of a checkpoint, and what inspect then shows."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer import samples


@pytest.mark.usefixtures("quick_bench")
def test_the_shipped_bundle_in_int8_reports_on_images_it_was_not_calibrated_on(run: Run) -> None:
    done = run("export", samples.bundle_path(), "--precision", "int8", "--calibration-images", 50, "--out", "small")
    assert (done.status, done.out) == (0, "small.eeb\n"), done.err
    assert (
        "int8 against fp32 on 500 images of the test images shipped with eeinfer, calibrated on 50 others" in done.err
    )
    assert "exit 3: accuracy 94.60% -> " in done.err
    assert "tau 0.9 (the default): accuracy " in done.err
    assert "compare: eeinfer bench small.eeb" in done.err
    shown = run("inspect", "small.eeb")
    assert "precision int8, made for cpu" in shown.out
    assert "leave at another exit, mean exit 0." in shown.out
    facts = json.loads(run("inspect", "small.eeb", "--json").out)["manifest"]
    assert (facts["precision"], facts["device"], facts["shift"]["calibration_images"]) == ("int8", "cpu", 50)
    assert run("inspect", samples.bundle_path()).out.count("precision fp32\n") == 1
    measured = run("bench", "small.eeb", "--thresholds", 2, "--max-images", 20)
    assert measured.status == 0, measured.err
    again = run("export", samples.bundle_path(), "--precision", "int8", "--out", "small")
    assert "small.eeb exists; replace it with --force" in only_line(again.err)


def test_of_a_checkpoint_only_the_reduced_bundle_is_left(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    done = run("export", checkpoint, "--precision", "fp16", "--out", "half.eeb")
    assert (done.status, done.out) == (0, "half.eeb\n"), done.err
    assert "verified against torch" in done.err
    assert "fp16 against fp32 on" in done.err
    assert "fp16 is for GPUs: on a CPU it runs, but slower than fp32" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["half.eeb"]
    single = run("export", "half.eeb", "--single-file")
    assert "half.eeb is in fp16 and made for GPUs; a single file is made of a bundle in fp32" in only_line(single.err)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("{bundle}", "--precision", "int4"), "choose one of fp32, fp16, bf16, int8, fp8"),
        (("{bundle}", "--precision", "int8"), "does not say which data set it was trained on; give --calibration"),
        (("{bundle}", "--precision", "int8", "--calibration", "none.npz"), "no file none.npz; give --calibration"),
        (("{bundle}", "--precision", "int8", "--calibration-images", "0"), "calibration_images is 0; give 1 or more"),
        (("{bundle}", "--precision", "fp16", "--device", "cpu"), "fp16 is for GPUs; on a CPU take --precision int8"),
        (("{bundle}", "--precision", "fp16", "--single-file"), "in a second run, with --single-file"),
        (("{bundle}", "--precision", "fp16", "--out", "x.onnx"), "--precision writes a bundle: --out x.eeb"),
        (("{bundle}", "--calibration", "none.npz"), "--calibration has no effect in fp32"),
        (("{bundle}", "--device", "cuda"), "--device has no effect in fp32; add --precision int8, or leave it out"),
        (("missing.eeb", "--precision", "int8"), "no bundle at missing.eeb"),
        (("missing.pt", "--precision", "int8"), "checkpoint missing.pt does not exist"),
    ],
)
def test_mistakes_say_what_to_do_and_leave_nothing(
    run: Run, tiny_bundle: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run("export", *(argument.format(bundle=tiny_bundle) for argument in arguments))
    assert (done.status, done.out) == (1, "")
    assert sentence in done.err.splitlines()[-1]
    assert not list(tmp_path.iterdir())
