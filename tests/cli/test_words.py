"""Words that a space has divided, decimal commas, names that were nearly right, one kind of file for another."""

import inspect
import shutil
from pathlib import Path
from typing import get_args

import pytest
from cli_runs import Run, only_line

from eeinfer import cli


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--set", "phase1.lr", "=", "0.05"), "write --set phase1.lr=0.05"),
        (("train", "--set", "phase1.lr=", "0.05"), "write --set phase1.lr=0.05"),
        (("train", "--set", "phase1.lr", "=0.05", "digits"), "write --set phase1.lr=0.05"),
        (("train", "--set", "phase1.lr="), "is not of the form name=value"),
        (("predict", "my", "holiday.png"), "for 2 words: write 'my holiday.png'"),
        (("predict", "{photo}", "--tau", "0,9"), "--tau '0,9' has a decimal comma: write 0.9; commas divide taus"),
        (("train", "--set", "phase1.lr=0,05"), "write phase1.lr=0.05, or phase1.lr=[0,05]"),
        (("train", "--epochs", "ten"), "--epochs is 'ten'; allowed are whole numbers"),
        (("train", "--epochs=ten", "--seed", "1"), "--epochs is 'ten'; allowed are whole numbers"),
        (("train", "--set", "phase1.epochs=ten"), "phase1.epochs is 'ten'; allowed are whole numbers from 1"),
        (("bench", "--threads", "1.5"), "--threads is '1.5'; allowed are whole numbers"),
        (("study", "--workers", "0"), "--workers is '0'; allowed are whole numbers from 1"),
        (("predict", "{photo}", "--top=-1"), "--top is '-1'; allowed are whole numbers from 0"),
        (("export", "{bundle}", "--tolerance", "small"), "--tolerance is 'small'; allowed are numbers"),
        (("train", "digts"), "unknown recipe 'digts': did you mean 'digits'?"),
        (("train", "--regime", "mixd"), "unknown regime 'mixd': did you mean 'mixed'?"),
        (("train", "--method", "sdm"), "unknown method 'sdm': did you mean 'sdn'?"),
        (("train", "--backbone", "resnet21"), "resnet20"),
        (("train", "--data", "cifar1"), "unknown data set 'cifar1': did you mean 'cifar10'?"),
        (("train", "--set", "epochs=3"), "unknown setting 'epochs': did you mean phase1.epochs?"),
        (("train", "--set", "phas1.lr=3"), "unknown setting 'phas1.lr': phas1 is unknown; did you mean phase1.lr?"),
        (("train", "--method", "vote.py:Vote"), "the file vote.py does not exist"),
        (("calibrate", "{bundle}"), "is a bundle, exported already; name the checkpoint.pt"),
        (
            ("inspect", "{folder}/checkpoint.pt"),
            "is a checkpoint, and no bundle yet; make one of it with: eeinfer export",
        ),
        (
            ("bench", "{folder}/checkpoint.pt"),
            "is a checkpoint, and no bundle yet; make one of it with: eeinfer export",
        ),
        (("export", "{bundle}", "--part", "{photo}"), "--part has no effect, {bundle} is a bundle"),
    ],
)
def test_what_was_meant_is_said(
    run: Run, tiny_bundle: Path, photo: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    shutil.copy(photo, tmp_path / "my holiday.png")
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    places = {"bundle": tiny_bundle, "photo": photo, "folder": tmp_path}
    done = run(*(argument.format(**places) for argument in arguments))
    assert done.status == 1
    assert sentence.format(**places) in done.err.splitlines()[-1]
    assert done.out == ""


def number_options() -> list[tuple[str, str]]:
    """Return every option of every command that stands for a number, with its command."""
    found = []
    for command in cli.app.registered_commands:
        for argument in inspect.signature(command.callback or int).parameters.values():
            kind, *_ = get_args(argument.annotation)
            if {int, float} & {kind, *get_args(kind)}:
                found.append((command.callback.__name__, f"--{argument.name.replace('_', '-')}"))  # type: ignore[union-attr]
    return found


@pytest.mark.parametrize(("command", "option"), number_options())
def test_every_option_of_a_number_says_so_in_words_of_ours(run: Run, command: str, option: str) -> None:
    done = run(command.rstrip("_"), option, "ten")
    assert (done.status, done.out) == (1, "")
    assert only_line(done.err).startswith(f"error: {option} is 'ten'; allowed are ")


def test_words_that_are_files_are_left_alone(run: Run, photo: Path, tmp_path: Path) -> None:
    for name in ("my", "my holiday.png"):
        shutil.copy(photo, tmp_path / name)
    shutil.copy(photo, tmp_path / "photo2.png")
    assert run("predict", "my", "photo2.png").status == 0


@pytest.mark.parametrize("command", ["trian", "benhc", "inspct"])
def test_a_command_that_was_nearly_right(run: Run, command: str) -> None:
    done = run(command)
    assert done.status == 2
    assert "Did you mean" in done.err


def test_the_version_has_a_short_option(run: Run) -> None:
    assert run("-V").out == run("--version").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_commands_and_options(
    run: Run, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_EEINFER_COMPLETE", f"complete_{shell}")
    for words, number, found in (("eeinfer ben", "1", "bench"), ("eeinfer train --reg", "2", "--regime")):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", number)
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", words)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        assert found in run().out
