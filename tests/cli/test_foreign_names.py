"""Names in a bundle are others' words: they are shown harmlessly and never decide where something is written."""

from pathlib import Path

import msgspec
import pytest
from cli_runs import Run, only_line

from eeinfer.backends.chosen import KIND
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest

RED = "\x1b[31mred"


def renamed(bundle: Path, name: str) -> Path:
    """Give a bundle and its classes a name."""
    manifest = Bundle.open(bundle).manifest
    classes = tuple(f"{name}{k}" for k in range(len(manifest.classes)))
    write_manifest(bundle, msgspec.structs.replace(manifest, name=name, classes=classes))
    return bundle


@pytest.mark.parametrize("arguments", [("predict", "{photo}", "--bundle", "{bundle}"), ("inspect", "{bundle}")])
def test_escape_sequences_do_not_reach_the_terminal(
    run: Run, bundle_copy: Path, photo: Path, arguments: tuple[str, ...]
) -> None:
    renamed(bundle_copy, RED)
    done = run(*(argument.format(bundle=bundle_copy, photo=photo) for argument in arguments))
    assert done.status == 0, done.err
    assert "\\x1b[31mred" in done.out
    assert "\x1b" not in done.out + done.err


@pytest.mark.usefixtures("quick_bench")
@pytest.mark.parametrize(
    ("name", "folder"), [("../escaped", "escaped-bench"), (RED, "31mred-bench"), ("", "unnamed-bench")]
)
def test_the_report_lies_in_this_folder_whatever_the_bundle_is_called(
    run: Run, bundle_copy: Path, labelled: Path, tmp_path: Path, name: str, folder: str
) -> None:
    before = set(tmp_path.parent.iterdir())
    done = run("bench", renamed(bundle_copy, name), "--thresholds", 2, "--data", labelled, "--threads", 1)
    assert done.status == 0, done.err
    assert (tmp_path / folder / "report.json").is_file()
    assert set(tmp_path.parent.iterdir()) == before
    page = (tmp_path / folder / "report.html").read_text()
    assert "\x1b" not in done.out + done.err + page


@pytest.mark.parametrize(
    "command",
    [
        ("bench", "{bundle}", "--data", "{data}", "--out", "{place}"),
        ("bench", "{bundle}", "--data", "{data}", "--peers", "--out", "{place}"),
        ("bench", "{bundle}", "--data", "{data}", "--callers", "1", "--out", "{place}"),
        ("export", "{bundle}", "--single-file", "--out", "{place}/model.onnx"),
        ("export", "{bundle}", "--precision", "int8", "--calibration", "{data}", "--out", "{place}/int8"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(
    run: Run, bundle_copy: Path, labelled: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "in the way").write_text("a file")
    done = run(
        *(part.format(bundle=bundle_copy, data=labelled, place=tmp_path / "in the way" / "below") for part in command)
    )
    assert done.status == 1
    assert "cannot be written to" in only_line(done.err)


@pytest.mark.parametrize("way", ["file", "file-below", "kind-is-a-file", "open-to-all", "kind-open-to-all"])
def test_tune_says_beforehand_that_its_result_cannot_be_kept(
    run: Run, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    cache = tmp_path / "cache"
    fault = cache / KIND if way.startswith("kind") else cache
    fault.parent.mkdir(exist_ok=True)
    if way.endswith("file") or way == "file-below":
        fault.write_text("a file")
    else:
        fault.mkdir()
        fault.chmod(0o777)
    monkeypatch.setenv("EEINFER_CACHE", str(cache / "below" if way == "file-below" else cache))
    done = run("tune", tiny_bundle)
    assert done.status == 1
    assert "EEINFER_CACHE" in only_line(done.err.splitlines()[-1])
    assert "opening settings" not in done.err  # nothing was measured


def test_a_run_folder_stands_for_its_checkpoint(run: Run, checkpoint: Path, tmp_path: Path) -> None:
    done = run("export", checkpoint.parent, "--out", tmp_path / "exported.eeb")
    assert done.status == 0, done.err
    assert done.out.strip() == str(tmp_path / "exported.eeb")


def test_a_run_that_is_not_finished_is_no_bundle(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("{}\n")
    done = run("export", tmp_path / "run")
    assert done.status == 1
    assert "neither a bundle nor a finished run" in only_line(done.err)
