"""bench, predict, inspect and doctor on a small bundle, and which bundle they take."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import msgspec
import pytest
from cli_runs import Run, only_line
from PIL import Image

from eeinfer import samples


@pytest.mark.usefixtures("quick_bench")
def test_bench_prints_a_table_and_writes_the_report(
    run: Run, tiny_bundle: Path, labelled: Path, tmp_path: Path
) -> None:
    done = run(
        "bench", tiny_bundle, "--thresholds", 3, "--data", labelled, "--threads", 1, "--out", tmp_path / "report"
    )
    assert done.status == 0, done.err
    assert "static network" in done.out
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.json", "report.csv", "report.html"}


@pytest.mark.usefixtures("quick_bench")
def test_bench_as_json_prints_nothing_else_on_stdout(run: Run, tiny_bundle: Path, labelled: Path) -> None:
    done = run("bench", tiny_bundle, "--thresholds", 2, "--data", labelled, "--threads", 1, "--json")
    assert len(json.loads(done.out)["thresholds"]) == 2


@pytest.mark.usefixtures("quick_bench")
def test_bench_measures_at_the_family_of_thresholds_that_is_asked_for(
    run: Run, tiny_bundle: Path, labelled: Path
) -> None:
    done = run("bench", tiny_bundle, "--grid", "budget", "--data", labelled, "--threads", 1, "--json")
    found = json.loads(done.out)
    assert (found["grid"]["family"], found["data"]["calibration"], len(found["thresholds"])) == ("budget", 20, 39)


@pytest.mark.usefixtures("quick_bench")
def test_bench_without_a_bundle_takes_the_newest_and_says_which(
    run: Run, tiny_bundle: Path, labelled: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "runs" / "mine.eeb")
    done = run("bench", "--thresholds", 2, "--data", labelled, "--threads", 1)
    assert done.status == 0, done.err
    assert "using runs/mine.eeb" in done.err.replace("\\", "/")


def test_predict_prints_one_row_per_image(run: Run, tiny_bundle: Path, photo: Path) -> None:
    done = run("predict", photo, photo, "--bundle", tiny_bundle, "--tau", "0.9,0.9,0.9")
    assert done.status == 0, done.err
    heading, *rows = done.out.splitlines()
    assert heading.split() == ["image", "class", "score", "exit", "ms", "FLOPs"]
    assert len(rows) == 2


def test_predict_as_json_obeys_tau(run: Run, tiny_bundle: Path, photo: Path) -> None:
    for tau, exit in ((0, 0), (1, 2)):
        [row] = json.loads(run("predict", photo, "--bundle", tiny_bundle, "--tau", tau, "--json").out)
        assert row["exit"] == exit
        assert row["class"].startswith("class ")


def test_predict_answers_for_the_images_beside_an_unreadable_one(run: Run, tiny_bundle: Path, photo: Path) -> None:
    broken = photo.with_name("broken.png")
    broken.write_bytes(photo.read_bytes()[:200])
    done = run("predict", broken, photo, "--bundle", tiny_bundle, "--json")
    assert done.status == 1
    assert [row["image"] for row in json.loads(done.out)] == [str(photo)]
    assert only_line(done.err) == f"error: {broken}: the image cannot be decoded: image file is truncated; replace it"


def test_predict_answers_for_the_images_beside_one_that_the_engine_refuses(
    run: Run, tiny_bundle: Path, photo: Path
) -> None:
    wide = photo.with_name("wide.tif")
    Image.new("F", (8, 8)).save(wide)
    done = run("predict", wide, photo, "--bundle", tiny_bundle, "--json")
    assert done.status == 1
    assert [row["image"] for row in json.loads(done.out)] == [str(photo)]
    assert only_line(done.err).startswith(f"error: {wide}: the image has mode F")


def test_inspect_shows_segments_carried_tensors_and_origin(run: Run, tiny_bundle: Path) -> None:
    out = run("inspect", tiny_bundle).out
    assert "on the CPU: ONNX Runtime, the loop in Python: EEINFER_NATIVE is off; unset it" in out
    for part in ("hashes ok", "stage2", "carried_00: 4 x 8 x 8 float32, 1024 bytes", "parity with torch", "recipe"):
        assert part in out
    assert re.findall(r"alive behind this exit: (.*) per sample", out) == [
        "3 tensors, 1300 bytes",
        "3 tensors, 660 bytes",
    ]


def test_inspect_as_json_holds_the_manifest(run: Run, tiny_bundle: Path) -> None:
    found = json.loads(run("inspect", tiny_bundle, "--json").out)
    assert found["on_cpu"]["backend"] == "onnxruntime"
    assert found["hashes"] == "ok"
    assert found["carried_bytes_per_sample"] == [1024 + 256 + 20, 384 + 20, 0]
    assert found["alive_bytes_per_sample"] == [1024 + 256 + 20, 256 + 384 + 20, 0]  # 256 pass segment 1 by unread
    assert len(found["manifest"]["segments"]) == 3


def test_doctor_finds_what_this_environment_can_do(run: Run) -> None:
    found = json.loads(run("doctor", "--json").out)
    assert {"library": "onnxruntime", "name": "CPUExecutionProvider", "problem": None} in found["devices"]
    assert found["problems"] == []


def test_doctor_reports_two_runtimes_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from eeinfer.doctor import examine as doctor
    from eeinfer.machine.installed import Facts

    facts = Facts(versions={"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"})
    monkeypatch.setattr(doctor, "collect", lambda: facts)
    done = run("doctor")
    assert done.status == 1
    assert "overwrite each other" in done.out
    assert "pip install 'eeinfer[gpu]'" in done.out


def test_doctor_says_what_a_gpu_would_run_and_why_nothing_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from eeinfer.doctor import examine as doctor
    from eeinfer.machine.gpus import Driver, Gpu
    from eeinfer.machine.installed import Facts, Runtime

    facts = Facts(
        driver=Driver(cuda=(13, 0), gpus=(Gpu(name="NVIDIA H100", capability=(9, 0)),)),
        versions={"onnxruntime-gpu": "1.31.1", "cuda-bindings": "13.5.0"},
        runtime=Runtime(version="1.31.1", cuda=13, providers=("CUDAExecutionProvider",)),
    )
    monkeypatch.setattr(doctor, "collect", lambda: facts)
    monkeypatch.setattr(doctor, "runtime_devices", lambda facts: iter(()))
    lines = run("doctor").out.partition('with device="cuda"')[2].splitlines()
    found = {line.split()[0]: " ".join(line.split()[1:]) for line in lines if line.strip()}
    assert found["cuda:0"] == "NVIDIA H100, compute capability 9.0"
    assert found["onnxruntime-cuda"] == "taken"
    assert found["tensorrt"].startswith("no: no TensorRT is installed")
    assert found["onnxruntime-tensorrt"].startswith("no: onnxruntime 1.31.1 is a build without Tensorrt")


def test_doctor_says_in_one_line_that_there_is_no_gpu(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.machine.gpus._LIBRARY", "libno-such-driver.so.1")
    found = run("doctor").out.partition('with device="cuda"')[2].split("\n\n")[0]
    assert found.strip().count("\n") == 0
    assert "no NVIDIA driver is found" in found


def test_doctor_shows_the_cache_of_this_machine(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from eeinfer.machine import cache

    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "thing").write_bytes(bytes(1_500_000))
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    assert f"{tmp_path}, 1.5 MB" in run("doctor").out
    assert json.loads(run("doctor", "--json").out)["cache"] == {"folder": str(tmp_path), "bytes": 1_500_000}
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert "nothing is kept" in run("doctor").out


def test_doctor_shows_what_tuned_bundles_take(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from some_reports import some_tuned

    from eeinfer.backends.chosen import library_version, save_choice
    from eeinfer.bundle.folder import Bundle
    from eeinfer.machine import cache
    from eeinfer.samples import bundle_path

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    assert "tuned bundles" not in run("doctor").out
    made = some_tuned().choice
    first = msgspec.structs.replace(made.candidates[0], version=library_version("onnxruntime"))
    picks = tuple(
        msgspec.structs.replace(pick, settings={"onnxruntime": "parked:1,2"}, ratios={"onnxruntime": 1.0})
        for pick in made.picks
    )
    choice = msgspec.structs.replace(made, candidates=(first,), picks=picks)
    assert save_choice(Bundle.open(bundle_path()), choice) is not None
    lines = run("doctor").out.partition("tuned bundles")[2].splitlines()
    assert lines[1].split(maxsplit=1) == [
        *("some", "eeinfer.load takes onnxruntime parked:1,2; a command takes onnxruntime parked:1,2")
    ]
    [found] = json.loads(run("doctor", "--json").out)["tuned"]
    assert found["why"] == choice.why(choice.pick())


def test_predict_passes_by_a_bundle_that_reads_no_images(
    run: Run, tiny_bundle: Path, words_bundle: Path, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(words_bundle, tmp_path / "words.eeb")
    monkeypatch.chdir(tmp_path)
    done = run("predict", photo, "--json")
    assert done.status == 0, done.err
    assert "using the one shipped" in done.err
    shutil.copytree(tiny_bundle, tmp_path / "tiny.eeb")
    assert "using tiny.eeb" in run("predict", photo, "--json").err


def used(run: Run) -> tuple[str, str]:
    """The bundle that a command takes unasked, as stderr and as the JSON on stdout name it."""
    done = run("inspect", "--json")
    assert done.status == 0, done.err
    said = done.err.replace("\\", "/")
    shown = json.loads(done.out)["path"]
    return said, Path(shown).relative_to(Path.cwd()).as_posix() if Path(shown).is_relative_to(Path.cwd()) else shown


@pytest.mark.parametrize("place", ["new.eeb", "runs/new.eeb", "runs/mine/new.eeb"])
def test_the_newest_bundle_here_or_in_runs_is_taken(run: Run, tiny_bundle: Path, tmp_path: Path, place: str) -> None:
    for name, age_s in (("old.eeb", 100), ("runs/old/old.eeb", 50), (place, 0)):
        shutil.copytree(tiny_bundle, tmp_path / name)
        at = time.time() - age_s
        os.utime(tmp_path / name / "manifest.json", (at, at))
    said, shown = used(run)
    assert shown == place
    assert f"using {place}, the newest" in said


def test_bundles_elsewhere_hidden_or_unfinished_are_not_taken(run: Run, tiny_bundle: Path, tmp_path: Path) -> None:
    for name in (".new.eeb.0123456789ab", ".hidden.eeb", "data/x.eeb", "runs/mine/more/x.eeb", "runs/mine/.part.eeb"):
        shutil.copytree(tiny_bundle, tmp_path / name)
    (tmp_path / "empty.eeb").mkdir()
    (tmp_path / "file.eeb").touch()
    said, shown = used(run)
    assert "using the one shipped" in said
    assert Path(shown) == samples.bundle_path()


@pytest.mark.usefixtures("quick_bench")
def test_json_of_bench_and_predict_names_the_bundle_too(
    run: Run, tiny_bundle: Path, labelled: Path, photo: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "runs" / "mine.eeb")
    done = run("bench", "--thresholds", 2, "--data", labelled, "--threads", 1, "--json")
    assert json.loads(done.out)["bundle"]["path"] == str(tmp_path / "runs" / "mine.eeb")
    [row] = json.loads(run("predict", photo, "--json").out)
    assert row["bundle"] == str(tmp_path / "runs" / "mine.eeb")


def test_bench_callers_prints_and_writes_what_threads_got(
    run: Run, tiny_bundle: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eeinfer.bench.callers.CallersConfig.turn_seconds", 0.01)
    done = run("bench", tiny_bundle, "--data", labelled, "--callers", "1,2", "--rounds", 1, "--taus", "1,0,0")
    assert done.status == 0
    assert "threads calling one engine" in done.out
    assert Path("tiny-bench/callers.json").is_file()
    quiet = run("bench", tiny_bundle, "--data", labelled, "--callers", 2, "--rounds", 1, "--json")
    report = json.loads(quiet.out)
    assert [row["callers"] for row in report["rows"]] == [2]
    assert "asked for" not in report["environment"]["how"]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_bench_callers_takes_the_backend_that_is_asked_for(
    run: Run, tiny_bundle: Path, labelled: Path, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(backend, reason=f"pip install 'eeinfer[{backend}]'")
    monkeypatch.setattr("eeinfer.bench.callers.CallersConfig.turn_seconds", 0.01)
    asked = ("--callers", "1", "--rounds", 1, "--threads", 1, "--backend", backend, "--json")
    done = run("bench", tiny_bundle, "--data", labelled, *asked)
    found = json.loads(done.out)["environment"]
    assert found["backend"] == backend
    assert found["how"].endswith(": it was asked for")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--callers", "0"), "callers is [0]"),
        (("--callers", "1,x"), "--callers '1,x' is not a whole number"),
        (("--callers", "1.5"), "is not a whole number"),
        (("--callers", "2", "--peers"), "measure different things"),
        (("--callers", "2", "--device", "cuda"), "--callers compares on the CPU; leave out --device cuda"),
        (("--taus", "0.5"), "--taus goes with --peers"),
    ],
)
def test_bench_callers_refuses_mistakes(
    run: Run, tiny_bundle: Path, labelled: Path, arguments: tuple[str, ...], reason: str
) -> None:
    done = run("bench", tiny_bundle, "--data", labelled, *arguments)
    assert done.status == 1
    assert reason in done.err


def test_bench_takes_as_many_rounds_as_are_asked_for(run: Run, tiny_bundle: Path, labelled: Path) -> None:
    done = run("bench", tiny_bundle, "--data", labelled, "--thresholds", 3, "--rounds", 1, "--threads", 1, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["settings"]["rounds"] == 1  # without it, rounds until ten seconds are over
