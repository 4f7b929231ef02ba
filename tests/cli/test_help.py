"""The help of every command."""

import re
import subprocess
import sys

import pytest
from cli_runs import Run

COMMANDS = (
    *("demo", "train", "runs", "calibrate", "analyze", "export", "optimise", "eval", "tune", "thresholds"),
    *("prune", "bench", "compare", "study"),
    *("predict", "inspect", "check", "serve", "loadtest", "doctor", "native"),
)


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
