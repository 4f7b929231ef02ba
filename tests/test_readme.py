"""README and docs run: every fenced console and python block, page by page in an empty folder.

Pages that go on from one another are a chain and share their folder. A comment directly above a block changes what is
done with it, and has to say why:

    <!-- test: append --epochs 1 to train, --rounds 1 to bench (they take minutes) -->    add options to commands
    <!-- test: parse (installs into the environment) -->          only check that commands, options and targets exist
"""

import functools
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from eeinfer import samples
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
MARK = re.compile(r"(parse|append (?P<added>[^()]+)) \((?P<reason>.+)\)")


DOCS = ROOT / "docs"

# Pages that share a folder, in which later ones find what earlier ones wrote; every other page is alone.
CHAINS = (
    (
        *("README.md", "docs/guides/training.md", "docs/systems.md", "docs/guides/running.md"),
        *("docs/guides/quantise.md", "docs/guides/gpu.md", "docs/guides/cpp.md", "docs/guides/hosting.md"),
    ),
    ("docs/quickstart.md", "docs/guides/own-data.md"),
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: console, python, or something that is only looked at (json, text)."""

    page: str
    line: int
    language: str
    body: str
    parse_only: bool
    added: dict[str, str]  # command -> options to append to it

    @property
    def commands(self) -> list[str]:
        """Lines after ``$``, continued lines joined; the rest of a console block is output."""
        joined = self.body.replace("\\\n", " ")
        return [line[2:] for line in joined.splitlines() if line.startswith("$ ")]


def read_added(text: str) -> dict[str, str]:
    """`--epochs 1 to train, --rounds 1 to bench`: what is appended to which command."""
    pairs = [part.rpartition(" to ") for part in text.split(", ") if part]
    return {command: options for options, _, command in pairs}


def read_blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        mark = MARK.fullmatch(match["mark"]) if match["mark"] else None
        assert mark or not match["mark"], f"unknown mark in {page}: {match['mark']}"
        blocks.append(
            Block(
                page=page,
                line=text.count("\n", 0, match.start()) + 1,
                language=match["language"],
                body=match["body"],
                parse_only=bool(mark and not mark["added"]),
                added=read_added((mark["added"] if mark else None) or ""),
            )
        )
    return blocks


PAGES = ("README.md", *(str(path.relative_to(ROOT)) for path in sorted(DOCS.rglob("*.md"))))
RUN = {
    page: [block for block in read_blocks(page) if block.language in {"console", "python", "toml"}] for page in PAGES
}
_CHAINED = {page for chain in CHAINS for page in chain}
EVERY = (*CHAINS, *((page,) for page in PAGES if RUN[page] and page not in _CHAINED))


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


@functools.cache
def help_of(command: str) -> str:
    """What a command says of itself; asked here, because a process for each of the many lines takes a second."""
    from eeinfer.cli import app

    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.exit_code == 0, done.output
    return done.output


def check_eeinfer(words: list[str]) -> None:
    """The command exists and knows each option."""
    text = help_of(words[0])
    for word in words[1:]:
        assert not word.startswith("--") or re.search(rf"(?m)^\s+(-\w, )?{re.escape(word)}\b", text), word


def check_only(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        check_make(words[1:])
    elif words[:2] == ["pip", "install"]:
        check_pip(words[2:])
    elif words[0] == "eeinfer":
        check_eeinfer(words[1:])
    else:
        assert words[0] in {"git", "cd", "curl", "printf", "tritonserver"}, (
            f"this test does not know how to check {command!r}"
        )


def run_block(block: Block, folder: Path) -> None:
    if name := re.match(r"# (\w+\.(?:py|toml))\n", block.body):  # a file that the commands after it name
        (folder / name[1]).write_text(block.body, encoding="utf-8")
    if block.language == "toml":
        tomllib.loads(block.body)
        return
    if block.language == "python":
        compile(block.body, f"{block.page}:{block.line}", "exec")
        if not block.parse_only:
            run([sys.executable, "-c", block.body], folder)
        return
    assert block.commands, f"{block.page}:{block.line} has no line that starts with $"
    for command in block.commands:
        if block.parse_only:
            check_only(command)
        else:
            words = f"{command} ".split(" ")
            added = block.added.get(words[1], "") if words[0] == "eeinfer" else ""
            run(["bash", "-c", f"{command} {added}"], folder)


@pytest.mark.parametrize("chain", EVERY, ids=lambda chain: chain[0])
def test_blocks_run(chain: tuple[str, ...], tmp_path: Path) -> None:
    for block in (block for page in chain for block in RUN[page]):
        print(f"{block.page}, line {block.line}")  # shown where it fails
        run_block(block, tmp_path)


def test_the_server_of_the_quick_start_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [block] = [block for block in RUN["docs/quickstart.md"] if "ThreadingHTTPServer" in block.body]
    lines = [line for line in block.body.splitlines() if line]
    assert len(lines) == 12
    shutil.copytree(samples.bundle_path(), tmp_path / "certified.eeb")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(lines[:-1]), names)
    assert lines[-1] == 'ThreadingHTTPServer(("localhost", 8000), Answer).serve_forever()'
    Image.fromarray(samples.images()[0][0]).save(tmp_path / "one.png")
    with names["ThreadingHTTPServer"](("localhost", 0), names["Answer"]) as server:
        threading.Thread(target=server.handle_request).start()
        address = f"http://localhost:{server.server_address[1]}"
        with urllib.request.urlopen(address, (tmp_path / "one.png").read_bytes(), timeout=60) as reply:
            assert reply.read().decode() in names["engine"].manifest.classes


def test_the_page_on_text_runs(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    blocks = [block.body for block in RUN["docs/text.md"] if block.language == "python"]
    assert len(blocks) == 3
    run([sys.executable, "-c", "\n".join(blocks)], tmp_path)


@pytest.mark.parametrize("path", sorted((DOCS / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    run([sys.executable, str(path)], tmp_path)


@pytest.mark.skipif(not importlib.util.find_spec("mkdocs"), reason="mkdocs is not installed")
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    text = run(["mkdocs", "build", "--strict", "-f", str(ROOT / ".ci" / "mkdocs.yml"), "-d", str(tmp_path)], ROOT)
    assert not re.search(r"(?m)^WARNING", text)
    assert (tmp_path / "quickstart" / "index.html").is_file()


def test_a_shell_block_that_no_test_runs_says_why() -> None:
    marked = r"(?m)^(?!<!-- test: parse \(.+\) -->$).*\n```(?:sh|bash|shell)$"
    assert not [page for page in PAGES if re.search(marked, (ROOT / page).read_text(encoding="utf-8"))]


def test_readme_shows_both_kinds_and_stays_short() -> None:
    assert {block.language for block in RUN["README.md"]} == {"console", "python"}
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 100, "three screens"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8")):
        assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), target


def test_the_page_of_commands_names_each_with_its_first_sentence() -> None:
    from eeinfer.cli import app

    page = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    for command in app.registered_commands:
        assert command.callback is not None
        first = " ".join((command.callback.__doc__ or "").strip().split("\n\n")[0].split())
        assert f"| `eeinfer {command.name or command.callback.__name__}` | {first} |" in page
    for group in app.registered_groups:
        assert f"| `eeinfer {group.name}` |" in page


def systems() -> list[list[str]]:
    """The cells of the table of systems, row by row."""
    text = (DOCS / "systems.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_systems_name_every_method_and_every_recipe() -> None:
    text = (DOCS / "systems.md").read_text(encoding="utf-8")
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
