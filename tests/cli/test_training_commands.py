"""train, calibrate, export and demo on the smallest network there is."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch
from cli_runs import Run, only_line, tiny_recipe
from own_parts import own_files
from photo_folders import photo_folder

from eeinfer.training import RECIPES


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
    shown = json.loads(run("train", "digits", *arguments, "--device", "cpu", "--show", "--json").out)
    assert (shown["data"]["name"], shown["data"]["root"]) == ("cifar10", "data")
    assert (shown["backbone"]["name"], shown["backbone"]["options"]) == ("resnet56", {})
    assert shown["exits"] == [0.15, 0.3]
    assert [shown[phase]["epochs"] for phase in ("phase1", "phase2", "phase3")] == [4, 4, 4]
    assert shown["regime"] == RECIPES["digits"]().regime


def test_another_regime_gets_phases_fit_for_it(run: Run) -> None:
    mixed, joint = (
        json.loads(run("train", "fashion_resnet20", "--regime", regime, "--show", "--json").out)
        for regime in ("mixed", "joint")
    )
    assert joint["phase2"]["epochs"] == mixed["phase1"]["epochs"] + mixed["phase2"]["epochs"]
    assert joint["phase2"]["lr"] == mixed["phase1"]["lr"]
    chosen = run(
        "train", "fashion_resnet20", "--regime", "joint", "--epochs", 2, "--set", "phase2.lr=0.3", "--show", "--json"
    )
    assert json.loads(chosen.out)["phase2"] == {**joint["phase2"], "epochs": 2, "lr": 0.3}


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


def test_the_command_named_next_can_be_pasted(run: Run, checkpoint: Path) -> None:
    done = run("calibrate", checkpoint, "--out", "my runs; sure.pt")
    assert done.status == 0, done.err
    [named] = re.findall("^next: eeinfer (.*)$", done.err, re.MULTILINE)
    assert shlex.split(named) == ["export", "my runs; sure.pt"]


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


def test_parts_of_ones_own_are_named_again_where_a_checkpoint_is_read(run: Run, tmp_path: Path) -> None:
    own_files(tmp_path)
    own = ["--backbone", "net.py:Net", "--method", "method.py:Averaged", "--data", "data.py:stripes"]
    done = run("train", "digits", *own, "--exits", "0,1", "--epochs", 1, "--set", "data.batch_size=32", "--out", "mine")
    assert done.status == 0, done.err
    [named] = re.findall("^next: eeinfer (.*)$", done.err, re.MULTILINE)
    assert shlex.split(named)[2:] == ["--part", "net.py", "--part", "method.py", "--part", "data.py"]
    refused = run("export", "mine/checkpoint.pt")
    assert refused.status == 1
    assert "add --part net.py to the command" in only_line(refused.err)
    assert run("calibrate", "mine/checkpoint.pt", "--out", "sure.pt", *shlex.split(named)[2:]).status == 0
    assert run(*shlex.split(named)).status == 0
    told = run("bench", "mine/checkpoint.eeb")
    assert "the data set stripes is in the file data.py, which is not given" in only_line(told.err)


def test_analyze_prints_a_table_and_writes_it(run: Run, checkpoint: Path) -> None:
    done = run("analyze", "overthinking", checkpoint, "--images", 50, "--out", "found")
    assert done.status == 0, done.err
    assert done.out.splitlines()[0].split() == ["network", "regime", "measure", "exit", "later", "exit", "share"]
    assert {path.name for path in Path("found").iterdir()} == {
        "overthinking.csv",
        "overthinking.json",
        "overthinking.svg",
    }
    again = run("analyze", "overthinking", checkpoint, "--images", 50, "--json")
    assert json.loads(again.out) == json.loads(Path("found/overthinking.json").read_bytes())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ranks", "CHECKPOINT"], "unknown analysis 'ranks': did you mean 'rank'? known are rank, information"),
        (["rank", "none.pt"], "none.pt"),
        (["rank", "CHECKPOINT", "CHECKPOINT"], "is named twice"),
        (["rank", "CHECKPOINT", "--images", "1"], "--images 2 or more"),
        (["landscape", "CHECKPOINT", "--steps", "10"], "odd number from 3"),
        (["rank", "CHECKPOINT", "--out", "a-file"], "cannot be written to a-file"),
    ],
)
def test_analyze_answers_mistakes_in_one_line(run: Run, checkpoint: Path, arguments: list[str], words: str) -> None:
    Path("a-file").write_text("")
    done = run("analyze", *(str(checkpoint) if each == "CHECKPOINT" else each for each in arguments))
    assert done.status == 1
    assert words in only_line(done.err)


def test_what_show_prints_is_the_same_run_again(run: Run, tmp_path: Path) -> None:
    given = ["train", "ztw_digits", "--seed", 3, "--set", "phase1.scheduler=none", "--set", "phase2.patience=none"]
    for name, form in (("my.toml", []), ("my.json", ["--json"])):
        shown = run(*given, "--show", *form)
        assert shown.status == 0, shown.err
        Path(name).write_text(shown.out)
        assert run("train", name, "--show", *form).out == shown.out
    assert 'scheduler = "none"' in Path("my.toml").read_text()
    assert json.loads(Path("my.json").read_text())["phase2"]["patience"] is None


def test_training_from_a_file_ends_with_the_same_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "tiny", tiny_recipe)
    Path("small.toml").write_text(run("train", "tiny", "--seed", 4, "--show").out)
    assert run("train", "tiny", "--seed", 4, "--out", "a").status == 0
    done = run("train", "small.toml")
    assert (done.status, done.out) == (0, "runs/small/checkpoint.pt\n"), done.err
    first, second = (
        torch.load(place, weights_only=True)["model"] for place in ("a/checkpoint.pt", "runs/small/checkpoint.pt")
    )
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_a_file_of_few_settings_starts_from_its_recipe(run: Run) -> None:
    Path("few.toml").write_text('recipe = "sdn_digits"\nregime = "joint"\n[backbone]\nname = "resnet14"\n')
    shown = json.loads(run("train", "few.toml", "--seed", 7, "--show", "--json").out)
    assert (shown["recipe"], shown["regime"], shown["seed"]) == ("sdn_digits", "joint", 7)
    assert (shown["backbone"]["name"], shown["backbone"]["options"]) == ("resnet14", {})
    assert shown["phase1"]["optimizer"] == "adamw"


def test_the_header_says_what_is_trained(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RECIPES, "tiny", tiny_recipe)
    err = run("train", "tiny", "--regime", "joint").err
    assert "data synthetic: 460 images train, 52 select, 128 test; 4 classes; 16 x 16 pixels, 3 channels" in err
    assert re.search(r"network resnet8 with sdn: 5,\d{3} parameters; exits after layer1.0, classifier; leaving", err)
    assert re.search(r"leaving costs 0.\d+, 0.\d+ MFLOPs .1 multiply-add = 1.", err)
    assert "regime joint, seed 0, on cpu: epochs at most 1 in phase 2, each of 3 batches of 128" in err


@pytest.mark.parametrize(
    ("options", "folder"),
    [
        ([], "tiny"),
        (["--backbone", "resnet14"], "synthetic-resnet14"),
        (["--data", "digits"], "digits-resnet8"),
        (["--data", "my photos"], "my-photos-resnet8"),
        (["--backbone", "net.py:Net"], "synthetic-Net"),
    ],
)
def test_a_run_is_called_by_what_it_trains(
    options: list[str], folder: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", tiny_recipe)
    own_files(tmp_path)
    photo_folder(tmp_path / "my photos", side=16)
    done = run("train", "tiny", "--untrained", *options)
    assert (done.status, done.out) == (0, f"runs/{folder}-untrained/checkpoint.pt\n"), done.err


def test_the_accuracy_on_test_images_is_in_the_metrics_and_on_the_board(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", tiny_recipe)
    run("train", "tiny", "--out", "mine")
    last = json.loads(Path("mine/metrics.jsonl").read_text().splitlines()[-1])
    assert last == {"test_accuracy": torch.load("mine/checkpoint.pt")["provenance"]["test_accuracy"]}
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = accumulator.EventAccumulator("mine/tensorboard").Reload()
    found = [board.Scalars(f"test_accuracy/{exit}")[-1].value for exit in range(2)]
    assert found == pytest.approx(last["test_accuracy"])
    assert "_hparams_/session_start_info" in board.PluginTagToContent("hparams")
    assert run("train", "tiny", "--out", "mine", "--fresh").status == 0


FILES = [
    ("absent.toml", None, "absent.toml does not exist; to have one: eeinfer train digits --show > absent.toml"),
    ("bad.toml", "seed = \n", "bad.toml is no TOML: Invalid value (at line 1, column 8)"),
    ("bad.json", "{", "bad.json is no JSON: Expecting property name"),
    ("list.json", "[1]", "list.json holds no settings"),
    ("bad.toml", 'recipe = "digts"', "unknown recipe 'digts': did you mean 'digits'?"),
    ("bad.toml", "recipe = 3", "recipe in bad.toml is 3; give the name of one"),
    ("bad.toml", "sed = 3", "unknown setting 'sed': did you mean seed?"),
    ("bad.toml", "[phase1]\nepoch = 3", "unknown setting 'phase1.epoch': did you mean phase1.epochs?"),
    ("bad.toml", "seed = 1979-05-27", "seed"),
    ("bad.toml", "phase1 = 3", "phase1"),
]


@pytest.mark.parametrize(("name", "text", "message"), FILES)
def test_a_file_of_settings_that_is_none_is_told(name: str, text: str | None, message: str, run: Run) -> None:
    if text is not None:
        Path(name).write_text(text)
    done = run("train", name)
    assert done.status == 1
    assert message in only_line(done.err)
    assert not Path("runs").exists()
