"""The page of the Python reference names whatever the other pages import or call, and nothing that does not exist."""

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference" / "python.md").read_text()
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "study" not in path.parts)
IMPORT = re.compile(r"^ *from (eeinfer[\w.]*) import ([^#\n]+)", re.MULTILINE)
DOTTED = re.compile(r"\beeinfer(?:\.[A-Za-z_]\w*)+")


def named(dotted: str) -> Any:
    """Return what a dotted name stands for; None where it stands for nothing in Python, such as a group's name."""
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def listed() -> list[Any]:
    """Return what the page names, with everything in those of them that are modules."""
    found = []
    for dotted in re.findall(r"(?m)^::: (\S+)", REFERENCE):
        entry = importlib.import_module(dotted) if dotted == "eeinfer.errors" else named(dotted)
        assert entry is not None, dotted
        found += list(vars(entry).values()) if isinstance(entry, ModuleType) else [entry]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_imports_or_calls_is_in_the_reference(page: Path) -> None:
    text, known = page.read_text(), listed()
    used = {
        f"{module}.{name.split(' as ')[0].strip()}"
        for module, names in IMPORT.findall(text)
        for name in names.split(",")
    }
    for dotted in used | set(DOTTED.findall(text)):
        entry = named(dotted)
        if entry is None or isinstance(entry, ModuleType):
            continue
        assert any(entry is one for one in known), f"{dotted} is on {page.name} and not in the reference"
