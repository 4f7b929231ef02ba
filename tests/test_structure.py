"""docs/structure.md names every package there is, and no other."""

import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_names_every_package_once() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["setuptools"]["packages"]
    page = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(eeinfer[\w.]*)` \|", page, re.MULTILINE)) == sorted(packages)


def test_every_module_that_the_page_names_exists() -> None:
    page = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    files = re.findall(r"`((?:eeinfer|training|export|bench|tests)/[\w/]+\.py)`", page)
    assert files
    missing = [name for name in files if not (ROOT / name).is_file()]
    assert not missing
