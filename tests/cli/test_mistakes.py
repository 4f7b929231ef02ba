"""Each kind of mistake: one line that says what to do, and exit status 1."""

import errno
import sys
from pathlib import Path

import pytest
from cli_runs import Run, only_line

from eeinfer import cli
from eeinfer.cli import failure
from eeinfer.errors import EeinferError, InputError


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
        (("export", "{bundle}", "--root", "nowhere"), "--root nowhere is no folder"),
        (("export", "{bundle}", "--root", "."), "--root . has no effect, {bundle} is a bundle"),
        (("export", "{bundle}", "--root", ".", "--single-file"), "leave it out, or add --golden or --precision"),
        (
            ("export", "{bundle}", "--root", ".", "--precision", "int8", "--calibration", "x.npz"),
            "--root . has no effect beside the images of --calibration x.npz; leave out one",
        ),
        (
            ("export", "{bundle}", "--root", ".", "--precision", "int8", "--calibration", "."),
            "--root . has no effect beside the images of --calibration .; leave out one",
        ),
    ],
)
def test_mistake_is_one_line_with_status_1(
    run: Run, tiny_bundle: Path, photo: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*(argument.format(bundle=tiny_bundle, photo=photo) for argument in arguments))
    assert done.status == 1
    assert only_line(done.err).startswith("error: ")
    assert sentence.format(bundle=tiny_bundle) in done.err
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


def test_a_gpu_that_is_not_there_is_one_line(
    run: Run, tiny_bundle: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eeinfer.machine.gpus._LIBRARY", "libno-such-driver.so.1")
    done = run("bench", tiny_bundle, "--data", labelled, "--device", "cuda")
    assert done.status == 1
    line = only_line(done.err)
    assert line.startswith("error: device 'cuda' cannot be used: no NVIDIA driver is found (libno-such-driver.so.1")
    assert line.endswith("install or update NVIDIA's driver, or give device='cpu' (eeinfer doctor says more)")
