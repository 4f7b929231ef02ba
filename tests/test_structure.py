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


# --- The C++ sources: a module is a source file with its header ---

MOST_MODULES, MOST_LINES, MOST_FUNCTION_LINES = 15, 300, 60
SOURCES = ("eeinfer/include", "eeinfer/csrc", "cmake/tools", "tests/csrc")


def cpp_files() -> list[Path]:
    found = [path for top in SOURCES for path in (ROOT / top).rglob("*") if path.suffix in (".cc", ".h")]
    assert found
    return found


def test_cpp_folders_stay_small() -> None:
    modules: dict[Path, set[str]] = {}
    for path in cpp_files():
        modules.setdefault(path.parent, set()).add(path.stem)
    crowded = {
        str(folder.relative_to(ROOT)): len(names) for folder, names in modules.items() if len(names) > MOST_MODULES
    }
    assert not crowded


def test_cpp_modules_and_functions_stay_short() -> None:
    lengthy = []
    for path in cpp_files():
        text = path.read_text(encoding="utf-8")
        functions = re.findall(
            r"^(?!namespace|struct|class|enum|extern)(\w[^;{}]*\)[^;{}]*\{\n(?:[ \n#:].*\n|\n)*?\})$", text, re.M
        )
        lengthy += (
            [f"{path.relative_to(ROOT)}: {len(text.splitlines())} lines"] if text.count("\n") > MOST_LINES else []
        )
        for function in functions:
            if (lines := function.count("\n") + 1) > MOST_FUNCTION_LINES:
                lengthy.append(f"{path.relative_to(ROOT)}: {function.splitlines()[0]} has {lines} lines")
    assert not lengthy
