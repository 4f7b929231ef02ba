"""Every command as a user meets it: its help, one run on little data, and each kind of mistake with its sentence."""

import errno
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eeinfer.bench
from eeinfer import cli
from eeinfer.bench import BenchConfig, measure
from eeinfer.cli import bundles, failure, options, settings
from eeinfer.errors import ConfigError, EeinferError, InputError
from eeinfer.training import RECIPES, BackboneConfig, DataConfig, PhaseConfig, TrainConfig, train

COMMANDS = ("demo", "train", "calibrate", "export", "bench", "predict", "inspect", "doctor")

Done = SimpleNamespace  # status, out, err
Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run ``eeinfer`` with some arguments, in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(failure.DEBUG_VARIABLE, raising=False)

    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["eeinfer", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            cli.app(prog_name="eeinfer")
        captured = capsys.readouterr()
        return Done(status=exit.value.code or 0, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=draw.integers(0, 5, 40))
    return tmp_path / "images.npz"


@pytest.fixture
def quick_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for as short as possible; what is measured is tested elsewhere."""

    def quick(bundle: Path, images: Any, labels: Any, config: Any = None, progress: Any = None, **facts: Any) -> Any:
        short = replace(config or BenchConfig(), min_seconds=0, rounds=1, latency_samples=4, pairs=1, warmup=0)
        return measure(bundle, images, labels, short, progress, **facts)

    monkeypatch.setattr(eeinfer.bench, "measure", quick)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `eeinfer train` writes, of the smallest network there is."""
    return train(tiny_recipe(), tmp_path_factory.mktemp("run"))


def tiny_recipe() -> TrainConfig:
    phase = PhaseConfig(epochs=1)
    return TrainConfig(
        recipe="tiny",
        data=DataConfig(name="synthetic"),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0,),
        phase1=phase,
        phase2=phase,
        device="cpu",
    )


def only_line(text: str) -> str:
    """The one line of an error, without traceback or warning around it."""
    [line] = text.splitlines()
    return line


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_an_example_of_this_command(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert done.status == 0
    *_, heading, example = done.out.rstrip().splitlines()
    assert heading.strip() == "Example:"
    assert example.strip().split()[:2] == ["eeinfer", name]


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_the_example_exist(run: Run, name: str) -> None:
    text = run(name, "--help").out
    example = text.rstrip().splitlines()[-1]
    for option in re.findall(r"--[\w-]+", example):
        assert re.search(rf"(?m)^  (-\w, )?{option}\b", text)


def test_help_lists_every_command_in_the_order_of_use(run: Run) -> None:
    listed = re.findall(r"(?m)^  (\w+) {2,}\S", run("--help").out.partition("Commands:")[2])
    assert tuple(listed) == COMMANDS


def test_without_arguments_the_help_is_shown(run: Run) -> None:
    done = run()
    assert done.status == 2
    assert "Usage: eeinfer" in done.out + done.err


def test_version_is_the_package_s(run: Run) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", run("--version").out)


def test_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "eeinfer", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout


def test_unknown_command_is_a_usage_error(run: Run) -> None:
    done = run("trian")
    assert done.status == 2
    assert "trian" in done.err


# bench, predict, inspect, doctor


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
    assert only_line(done.err) == f"error: {broken} cannot be read: image file is truncated"


def test_inspect_shows_segments_carried_tensors_and_origin(run: Run, tiny_bundle: Path) -> None:
    out = run("inspect", tiny_bundle).out
    for part in ("hashes ok", "stage2", "carried_00: 4 x 8 x 8 float32, 1024 bytes", "parity with torch", "recipe"):
        assert part in out
    assert re.findall(r"alive behind this exit: (.*) per sample", out) == [
        "3 tensors, 1300 bytes",
        "3 tensors, 660 bytes",
    ]


def test_inspect_as_json_holds_the_manifest(run: Run, tiny_bundle: Path) -> None:
    found = json.loads(run("inspect", tiny_bundle, "--json").out)
    assert found["hashes"] == "ok"
    assert found["carried_bytes_per_sample"] == [1024 + 256 + 20, 384 + 20, 0]
    assert found["alive_bytes_per_sample"] == [1024 + 256 + 20, 256 + 384 + 20, 0]  # 256 pass segment 1 by unread
    assert len(found["manifest"]["segments"]) == 3


def test_doctor_finds_what_this_environment_can_do(run: Run) -> None:
    found = json.loads(run("doctor", "--json").out)
    assert {"library": "onnxruntime", "name": "CPUExecutionProvider", "problem": None} in found["devices"]
    assert found["problems"] == []


def test_doctor_reports_two_runtimes_at_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from eeinfer import doctor

    monkeypatch.setattr(doctor, "_installed", lambda name: "1.0" if name.startswith("onnxruntime") else None)
    done = run("doctor")
    assert done.status == 1
    assert "overwrite each other" in done.out
    assert "pip install 'eeinfer[gpu]'" in done.out


# train, export, demo


def test_train_prints_the_checkpoint_and_goes_on_when_repeated(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "tiny", tiny_recipe)
    for repetition in range(2):
        done = run("train", "tiny", "--regime", "joint", "--seed", 3, "--set", "phase2.lr=0.05", "--out", "mine")
        assert done.status == 0, done.err
        assert Path(done.out.strip()) == Path("mine/checkpoint.pt")
        assert "test accuracy at each exit" in done.err
        assert ("phase 2 epoch" in done.err) == (repetition == 0)


def test_train_shows_the_settings_that_options_lead_to(run: Run) -> None:
    arguments = ["--data", "cifar10", "--root", "data", "--backbone", "resnet56", "--exits", "0.15,0.3", "--epochs", 4]
    shown = json.loads(run("train", "digits", *arguments, "--device", "cpu", "--show").out)
    assert (shown["data"]["name"], shown["data"]["root"]) == ("cifar10", "data")
    assert (shown["backbone"]["name"], shown["backbone"]["options"]) == ("resnet56", {})
    assert shown["exits"] == [0.15, 0.3]
    assert [shown[phase]["epochs"] for phase in ("phase1", "phase2", "phase3")] == [4, 4, 4]
    assert shown["regime"] == RECIPES["digits"]().regime


def test_train_lists_the_recipes(run: Run) -> None:
    assert set(json.loads(run("train", "--list", "--json").out)) == set(RECIPES)
    assert {line.split()[0] for line in run("train", "--list").out.splitlines()} == set(RECIPES)


def test_export_prints_the_bundle_and_how_well_it_agrees(run: Run, checkpoint: Path) -> None:
    done = run("export", checkpoint, "--out", "mine.eeb")
    assert (done.status, done.out) == (0, "mine.eeb\n"), done.err
    assert "exit 1: max error" in done.err
    assert "mine" in run("inspect", "mine.eeb").out
    again = run("export", checkpoint, "--out", "mine.eeb")
    assert again.status == 1
    assert "--force" in only_line(again.err)


def test_calibrate_prints_the_new_checkpoint_which_exports(run: Run, checkpoint: Path) -> None:
    done = run("calibrate", checkpoint, "--out", "sure.pt")
    assert (done.status, done.out) == (0, "sure.pt\n"), done.err
    assert re.search(r"exit 1 on test images: accuracy .* NLL .* calibration error", done.err)
    facts = json.loads(run("calibrate", checkpoint, "--kind", "laplace", "--draws", 5, "--json", "--out", "l.pt").out)
    assert (facts["path"], facts["kind"], len(facts["test_after"])) == ("l.pt", "laplace", 2)
    assert run("export", "sure.pt", "--out", "sure.eeb").status == 0


@pytest.mark.usefixtures("quick_bench")
def test_demo_replaces_another_run_and_repeats_only_the_measurement(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "digits", tiny_recipe)
    assert run("train", "digits", "--seed", 5, "--out", "demo/training").status == 0
    first = run("demo")
    assert first.status == 0, first.err
    assert "starting over" in first.err
    assert "static network" in first.out
    assert Path("demo/report/report.html").is_file()
    written = Path("demo/digits.eeb/manifest.json").stat().st_mtime_ns
    second = run("demo")
    assert "static network" in second.out
    assert "phase 1 epoch" not in second.err
    assert Path("demo/digits.eeb/manifest.json").stat().st_mtime_ns == written


# Which bundle


def test_newest_bundle_wins_and_hidden_ones_do_not_count(tiny_bundle: Path, tmp_path: Path) -> None:
    for name in ("old.eeb", "new.eeb", ".venv/x.eeb", ".unfinished.eeb"):
        shutil.copytree(tiny_bundle, tmp_path / name)
    found = {path.relative_to(tmp_path).as_posix() for path in bundles._bundles_below(tmp_path)}
    assert found == {"old.eeb", "new.eeb"}


def test_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "empty.eeb").mkdir()
    assert list(bundles._bundles_below(tmp_path)) == []


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("bench", "missing.eeb"), "no bundle at missing.eeb"),
        (("inspect", "missing.eeb"), "no bundle at missing.eeb"),
        (("bench", "{bundle}", "--thresholds", "1"), "thresholds is 1"),
        (("bench", "{bundle}", "--batch", "0"), "batch is 0"),
        (("bench", "{bundle}", "--grid", "even"), "grid is 'even'"),
        (("bench", "{bundle}", "--data", "missing.npz"), "no file missing.npz"),
        (("bench", "{bundle}"), "does not say which data set it was trained on"),
        (("predict", "{photo}", "--bundle", "missing.eeb"), "no bundle at missing.eeb"),
        (("predict", "{photo}", "--bundle", "{bundle}", "--tau", "2"), "tau is 2.0; it must lie in [0, 1]"),
        (("predict", "{photo}", "--bundle", "{bundle}", "--tau", "nan"), "tau is nan"),
        (("predict", "{photo}", "--bundle", "{bundle}", "--tau", "0.1,0.2"), "3 numbers, one per exit"),
        (("predict", "{photo}", "--bundle", "{bundle}", "--tau", "high"), "--tau 'high' is not a number"),
        (("predict", "missing.png", "--bundle", "{bundle}"), "missing.png cannot be read: No such file"),
        (("predict", ".", "--bundle", "{bundle}"), ". is a folder: give the images in it"),
        (("export", "missing.pt"), "checkpoint missing.pt does not exist"),
        (("calibrate", "missing.pt"), "checkpoint missing.pt does not exist"),
        (("calibrate", "missing.pt", "--kind", "guess"), "unknown kind of calibration 'guess': known are temperature"),
        (("export", "{photo}"), "is no file that torch.save wrote"),
        (("train", "nothing"), "unknown recipe 'nothing': known are digits"),
        (("train", "--data", "nothing"), "unknown data set 'nothing': known are digits"),
        (("train", "--backbone", "nothing"), "unknown backbone 'nothing'"),
        (("train", "--regime", "nothing"), "unknown regime 'nothing'"),
        (("train", "--exits", "0.5,0.5"), "name a position twice"),
        (("train", "--exits", "99"), "exit position 99 is out of range"),
        (("train", "--exits", "nothing"), "unknown block 'nothing'"),
        (("train", "--epochs", "0"), "epochs is 0"),
        (("train", "--set", "phase1.speed=1"), "unknown setting 'phase1.speed': known are phase1.epochs"),
        (("train", "--set", "seed"), "--set 'seed' is not of the form name=value"),
        (("train", "--data", "cifar10", "--root", "nowhere"), "nowhere"),
    ],
)
def test_mistake_is_one_line_with_status_1(
    run: Run, tiny_bundle: Path, photo: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*(argument.format(bundle=tiny_bundle, photo=photo) for argument in arguments))
    assert done.status == 1
    assert only_line(done.err).startswith("error: ")
    assert sentence in done.err
    assert done.out == ""


def test_altered_bundle_is_refused(run: Run, bundle_copy: Path) -> None:
    data = bytearray((bundle_copy / "weights.bin").read_bytes())
    data[0] ^= 1
    (bundle_copy / "weights.bin").write_bytes(data)
    done = run("inspect", bundle_copy)
    assert done.status == 1
    assert "weights.bin was altered" in only_line(done.err)


def test_debug_shows_the_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["eeinfer", "inspect", "missing.eeb", "--debug"])
    with pytest.raises(EeinferError):
        cli.app(prog_name="eeinfer")


def test_message_of_several_lines_becomes_one(capsys: pytest.CaptureFixture[str]) -> None:
    raised = guarded(InputError("first\n  second"))
    assert raised == 1
    assert only_line(capsys.readouterr().err) == "error: first second"


def guarded(error: BaseException) -> int:
    """Exit status of a command that raises ``error``."""

    @failure.guarded
    def body() -> None:
        raise error

    with pytest.raises(Exception) as raised:  # noqa: PT011 - typer's Exit has no stable public home
        body()
    assert type(raised.value).__name__ == "Exit", raised.value
    return raised.value.exit_code


def test_interruption_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(KeyboardInterrupt()) == 130
    assert only_line(capsys.readouterr().err) == "interrupted"


def test_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(OSError(errno.ENOSPC, "No space left on device")) == 1
    assert "free some" in only_line(capsys.readouterr().err)


def test_missing_package_names_its_extra(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(ModuleNotFoundError("No module named 'timm.layers'", name="timm.layers")) == 1
    assert "timm is not installed" in (line := only_line(capsys.readouterr().err))
    assert "pip install 'eeinfer[train]'" in line


def test_defect_of_ours_keeps_its_traceback() -> None:
    @failure.guarded
    def body() -> None:
        raise ModuleNotFoundError("No module named 'eeinfer.lost'", name="eeinfer.lost")

    with pytest.raises(ModuleNotFoundError):
        body()


# Values on the command line


@pytest.mark.parametrize(("text", "value"), [(None, None), ("0.5", 0.5), ("0,1", [0.0, 1.0])])
def test_tau_is_one_number_or_several(text: str | None, value: object) -> None:
    assert options.taus(text) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phase1.lr=0.05", ("phase1.lr", 0.05)),
        ("phase2.patience=none", ("phase2.patience", None)),
        ("data.name=digits", ("data.name", "digits")),
        ("method.heads.hidden=[64, 32]", ("method.heads.hidden", [64, 32])),
        ("data.root=/a=b", ("data.root", "/a=b")),
    ],
)
def test_assignment_reads_json_and_plain_words(text: str, expected: tuple[str, object]) -> None:
    assert settings.assignment(text) == expected


@pytest.mark.parametrize("text", ["seed", "=3", ""])
def test_assignment_without_a_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="name=value"):
        settings.assignment(text)


def test_override_of_an_unknown_setting_lists_the_known_ones() -> None:
    values = {"seed": 0, "phase1": {"lr": 0.1, "epochs": 3}}
    with pytest.raises(ConfigError, match=re.escape("known are phase1.lr, phase1.epochs")):
        settings.overridden(values, [("phase1.speed", 1)])
    with pytest.raises(ConfigError, match="phase4 is unknown; known are seed, phase1"):
        settings.overridden(values, [("phase4.lr", 1)])
    with pytest.raises(ConfigError, match="seed has no parts"):
        settings.overridden(values, [("seed.lr", 1)])


def test_override_leaves_the_original_alone() -> None:
    values = {"phase1": {"lr": 0.1}, "backbone": {"options": {}}}
    changed = settings.overridden(values, [("phase1.lr", 0.5), ("backbone.options.stem", "large")])
    assert values == {"phase1": {"lr": 0.1}, "backbone": {"options": {}}}
    assert changed == {"phase1": {"lr": 0.5}, "backbone": {"options": {"stem": "large"}}}


def test_exit_positions_are_shares_numbers_or_names() -> None:
    assert settings.exit_positions("0.15, 3,layer2.0") == [0.15, 3, "layer2.0"]
