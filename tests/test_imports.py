"""The command line needs the base install only; what is missing is named when it is needed."""

import json
import subprocess
import sys
from collections.abc import Sequence

import pytest

from eeinfer.machine.extras import PACKAGES

COMMANDS = ("demo", "train", "calibrate", "export", "bench", "predict", "inspect", "doctor")

# Runs the command line as if the packages named first were not installed.
WITHOUT = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

blocked = set(sys.argv.pop(1).split(","))
sys.meta_path.insert(0, Blocker())
from eeinfer.cli import main
main()
"""


def without(blocked: Sequence[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``eeinfer`` with some packages hidden."""
    command = [sys.executable, "-c", WITHOUT, ",".join(blocked), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)])
def test_help_works_with_the_base_install(arguments: tuple[str, ...]) -> None:
    done = without(list(PACKAGES), *arguments, "--help")
    assert done.returncode == 0, done.stderr
    assert "Example:" in done.stdout


def test_doctor_works_with_the_base_install_and_says_what_to_install() -> None:
    done = without(list(PACKAGES), "doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["devices"] == []
    assert {entry["name"]: entry["works"] for entry in found["abilities"]} == dict.fromkeys(
        ("run bundles", "bench", "train", "export"), False
    )
    assert all(entry["fix"].startswith("pip install 'eeinfer[") for entry in found["abilities"])


@pytest.mark.parametrize(
    ("blocked", "arguments", "extra"),
    [
        ("torch", ("train", "digits"), "train"),
        ("torch", ("demo",), "train"),
        ("torch", ("export", "checkpoint.pt"), "train"),
        ("onnxruntime", ("bench", "--thresholds", "2"), "cpu"),
        ("onnxruntime", ("predict", "photo.png"), "cpu"),
    ],
)
def test_missing_extra_is_named(blocked: str, arguments: tuple[str, ...], extra: str) -> None:
    done = without([blocked], *arguments)
    assert done.returncode == 1
    assert f"pip install 'eeinfer[{extra}]'" in done.stderr
    assert blocked in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_inspect_needs_no_extra() -> None:
    done = without(list(PACKAGES), "inspect")
    assert done.returncode == 0, done.stderr


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, eeinfer.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not set(PACKAGES) & set(done.stdout.split())
