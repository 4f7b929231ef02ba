"""Words that a space has divided, decimal commas, names that were nearly right, one kind of file for another."""

import shutil
from pathlib import Path

import pytest
from cli_runs import Run


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
