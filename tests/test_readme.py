"""README runs: every fenced console and python block, in order, in one empty folder.

A comment directly above a block changes that, and has to say why:

    <!-- test: append --epochs 1 to train (the whole training takes minutes) -->    add options to one command
    <!-- test: parse (installs into the environment) -->          only check that commands, options and targets exist
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from eeinfer.training import RECIPES
from eeinfer.training.methods import METHODS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?:<!-- test: (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
MARK = re.compile(r"(parse|append (?P<options>.+?) to (?P<command>\w+)) \((?P<reason>.+)\)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: console, python, or something that is only looked at (json, text)."""

    line: int
    language: str
    body: str
    parse_only: bool
    options: str  # to append ...
    command: str | None  # ... to this command

    @property
    def commands(self) -> list[str]:
        """Lines after ``$``, continued lines joined; the rest of a console block is output."""
        joined = self.body.replace("\\\n", " ")
        return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def read_blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        mark = MARK.fullmatch(match["mark"]) if match["mark"] else None
        assert mark or not match["mark"], f"unknown mark in README: {match['mark']}"
        blocks.append(
            Block(
                line=text.count("\n", 0, match.start()) + 1,
                language=match["language"],
                body=match["body"],
                parse_only=bool(mark and not mark["command"]),
                options=mark["options"] or "" if mark else "",
                command=mark["command"] if mark else None,
            )
        )
    return blocks


BLOCKS = [block for block in read_blocks() if block.language in {"console", "python"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole page, because later blocks use what earlier ones wrote."""
    return tmp_path_factory.mktemp("readme")


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def check_make(words: list[str]) -> None:
    """Every target of a `make` line is one of the Makefile's."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in words:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"no target {target}"


def check_pip(words: list[str]) -> None:
    """Every extra of a `pip install` line is one of the project's."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        known = tomllib.load(file)["project"]["optional-dependencies"]
    for extra in re.findall(r"eeinfer\[([\w,]+)\]", " ".join(words)):
        assert set(extra.split(",")) <= set(known)


def check_eeinfer(words: list[str], folder: Path) -> None:
    """The command exists and knows each option."""
    text = run(["eeinfer", words[0], "--help"], folder)
    for word in words[1:]:
        assert not word.startswith("--") or re.search(rf"(?m)^\s+(-\w, )?{re.escape(word)}\b", text), word


def check_only(command: str, folder: Path) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        check_make(words[1:])
    elif words[:2] == ["pip", "install"]:
        check_pip(words[2:])
    elif words[0] == "eeinfer":
        check_eeinfer(words[1:], folder)
    else:
        assert words[0] in {"git", "cd"}, f"this test does not know how to check {command!r}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line-{block.line}")
def test_block_runs(block: Block, folder: Path) -> None:
    if block.language == "python":
        run([sys.executable, "-c", block.body], folder)
        return
    assert block.commands, "a console block without a line that starts with $"
    for command in block.commands:
        if block.parse_only:
            check_only(command, folder)
        else:
            added = f" {block.options}" if command.startswith(f"eeinfer {block.command} ") else ""
            run(["bash", "-c", command + added], folder)


def test_page_shows_both_kinds() -> None:
    assert {block.language for block in BLOCKS} == {"console", "python"}


def test_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def systems() -> list[list[str]]:
    """The cells of the table of systems, row by row."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Systems\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_systems_name_every_method_and_every_recipe() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Systems\n")[2].partition("\n## ")[0]
    assert {name for row in systems() for name in quoted(row[0])} == {*METHODS, "method"}
    assert set(quoted(text)) >= set(RECIPES)
    assert {name for row in systems() for name in quoted(row[6])} <= {*RECIPES, "eeinfer calibrate"}


@pytest.mark.parametrize("row", systems(), ids=lambda row: row[0])
def test_a_system_trains_and_is_judged_as_its_row_says(row: list[str]) -> None:
    methods, regimes, scores = quoted(row[0]), row[1].replace("`", "").split(", "), quoted(row[3])
    for name in quoted(row[6]):
        if name in RECIPES:
            config = RECIPES[name]()
            assert config.regime in regimes
            assert config.method.name in methods or methods == ["method"]
            score = METHODS[config.method.name].score
            assert score in scores or (score == "own" and not scores)
