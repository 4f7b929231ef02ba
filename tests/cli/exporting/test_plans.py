"""export --trt, of a checkpoint and of a bundle, and what inspect says of the plans."""

import json
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer import samples
from eeinfer.export.trt import targets

RTX = pytest.importorskip("tensorrt_rtx", reason="builds plans without a GPU: pip install 'eeinfer[tensorrt-rtx]'")
HERE = ("--trt", "--trt-library", "tensorrt_rtx", "--target")


def test_of_a_checkpoint_the_bundle_is_printed_and_holds_plans(run: Run, checkpoint: Path) -> None:
    done = run("export", checkpoint, "--out", "mine.eeb", *HERE, "sm86,SM120", "--batch", "1,2")
    assert (done.status, done.out) == (0, "mine.eeb\n"), done.err
    assert "verified against torch" in done.err
    assert f"tensorrt_rtx {RTX.__version__} for sm120, batches 1, 2: 2 plans" in done.err
    found = json.loads(run("inspect", "mine.eeb", "--json").out)["plans"]
    assert [(plans["folder"], plans["problem"]) for plans in found] == [
        ("engines/tensorrt_rtx-sm120", None),
        ("engines/tensorrt_rtx-sm86", None),
    ]
    assert found[0]["build"]["batches"] == [1, 2]


def test_of_a_bundle_the_folders_are_printed(run: Run, bundle_copy: Path) -> None:
    folder = bundle_copy / "engines" / "tensorrt_rtx-sm86"
    done = run("export", bundle_copy, *HERE, "sm86")
    assert (done.status, done.out) == (0, f"{folder}\n"), done.err
    assert "building tensorrt_rtx-sm86 ..." in done.err
    again = run("export", bundle_copy, *HERE, "sm86")
    assert (again.status, again.out) == (1, "")
    assert only_line(again.err) == f"error: {folder} exists; build it again with --force"
    assert run("export", bundle_copy, *HERE, "sm86", "--force").status == 0


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8", "fp8"])
def test_plans_of_the_shipped_bundle_in_every_precision(run: Run, precision: str) -> None:
    arguments = ("--precision", precision, "--calibration-images", 20, "--out", "mine.eeb", *HERE, "sm89")
    done = run("export", samples.bundle_path(), *arguments, "--batch", 2)
    assert (done.status, done.out) == (0, "mine.eeb\n"), done.err
    facts = json.loads(run("inspect", "mine.eeb", "--json").out)
    assert (facts["manifest"]["precision"], facts["manifest"]["device"]) == (precision, "cuda")
    assert [(plans["folder"], plans["problem"]) for plans in facts["plans"]] == [("engines/tensorrt_rtx-sm89", None)]


def test_int8_for_a_processor_has_no_plans(run: Run) -> None:
    shipped = samples.bundle_path()
    done = run("export", shipped, "--precision", "int8", "--device", "cpu", *HERE, "sm89")
    assert "--trt builds plans for a GPU, and --device cpu makes int8 for a processor" in only_line(done.err)
    assert run("export", shipped, "--precision", "int8", "--calibration-images", 20, "--out", "mine.eeb").status == 0
    done = run("export", "mine.eeb", *HERE, "sm89")
    assert "mine.eeb is in int8 as processors compute it, which TensorRT does not read" in only_line(done.err)


def test_inspect_says_what_plans_there_are_and_what_is_wrong_with_them(run: Run, bundle_copy: Path) -> None:
    assert "plans" not in run("inspect", bundle_copy).out.splitlines()
    run("export", bundle_copy, *HERE, "sm86,sm89", "--batch", "1")
    (bundle_copy / "engines" / "tensorrt_rtx-sm89" / "segment_00.engine").write_bytes(b"cut")
    done = run("inspect", bundle_copy)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    start = lines.index("plans")
    assert f"tensorrt_rtx {RTX.__version__} for sm86, batches 1: 3 plans, " in lines[start + 1]
    assert lines[start + 2].strip() == "built from these segments, hashes ok"
    assert "has 3 bytes, build.json says" in lines[start + 4]
    assert "--target sm89 --trt-library tensorrt_rtx --force" in lines[start + 4]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("{bundle}", "--target", "sm86"), "--target sm86 says how TensorRT plans are built; add --trt"),
        (("{bundle}", "--batch", "8"), "--batch 8 says how"),
        (("{bundle}", "--trt", "--target", "ampere"), "'ampere' is neither current nor a compute capability"),
        (("{bundle}", *HERE, "sm90"), "does not build for sm90; choose --target among sm75"),
        (("{bundle}", *HERE, "sm86", "--batch", "8,1"), "batches (8, 1) do not fit"),
        (("{bundle}", *HERE, "sm86", "--batch", "many"), "--batch 'many' is not a whole number"),
        (("{bundle}", "--trt", "--trt-library", "trtexec"), "choose one of tensorrt, tensorrt_rtx"),
        (("{bundle}", *HERE, "sm86", "--out", "other.eeb"), "leave out --out other.eeb, or copy the bundle there"),
        (("{bundle}", *HERE, "sm86", "--single-file"), "run the command once with each"),
        (("missing.eeb", *HERE, "sm86"), "no bundle at missing.eeb"),
        (("missing.pt", *HERE, "sm86"), "checkpoint missing.pt does not exist"),
    ],
)
def test_mistakes_say_what_to_do(run: Run, bundle_copy: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("export", *(argument.format(bundle=bundle_copy) for argument in arguments))
    assert (done.status, done.out) == (1, "")
    assert sentence in only_line(done.err)
    assert not (bundle_copy / "engines").exists()


def test_without_a_gpu_current_names_the_targets_before_anything_is_exported(
    run: Run, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(targets, "_gpu", lambda: (None, "no NVIDIA driver was found"))
    done = run("export", checkpoint, "--out", "mine.eeb", "--trt", "--trt-library", "tensorrt_rtx")
    assert done.status == 1
    assert "no current GPU to build for: no NVIDIA driver was found; choose --target among sm75" in only_line(done.err)
    assert not (tmp_path / "mine.eeb").exists()
