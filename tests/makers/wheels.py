"""A wheel of the checkout, which stays as it is."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it there

ROOT = Path(__file__).resolve().parents[2]


def project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def settings() -> dict[str, Any]:
    found: dict[str, Any] = project()["tool"]["setuptools"]
    return found


def source_folders() -> dict[str, Path]:
    """Top-level folder of each package tree, by the name it is imported under."""
    return {name: ROOT / folder for name, folder in settings()["package-dir"].items()}


def links_and_caches(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__" or (Path(folder) / name).is_symlink()]


def build_wheel(folder: Path) -> Path:
    """Build a wheel from a copy of the sources in ``folder``, and return its file."""
    for source in source_folders().values():
        shutil.copytree(source, folder / source.name, ignore=links_and_caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder / "dist"), str(folder)], check=True, timeout=120)
    [path] = (folder / "dist").glob("*.whl")
    return path
