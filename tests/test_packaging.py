"""What is installed is what is in the checkout: every module, the marker, the shipped files, and no machine's paths."""

import re
import zipfile
from pathlib import Path

import pytest
from wheels import ROOT, build_wheel, project, settings, source_folders

LINKS = ("training", "export", "bench")
NO_MODULES = {"eeinfer.cmake"}  # files for C++ projects


def files_on_disk() -> set[str]:
    """Path inside a wheel of every file in the checkout; links are skipped, they lead to the mapped folders."""
    found = set()
    for name, folder in source_folders().items():
        for file in folder.rglob("*"):
            if file.is_file() and not any(parent.is_symlink() for parent in file.parents):
                found.add(f"{name.replace('.', '/')}/{file.relative_to(folder).as_posix()}")
    return {path for path in found if not path.endswith((".pyc", "/ruff.toml")) and "/." not in path}


def modules_on_disk() -> set[str]:
    return {path for path in files_on_disk() if path.endswith(".py")}


def test_package_list_matches_the_disk() -> None:
    packages = {path.rsplit("/", 1)[0].replace("/", ".") for path in modules_on_disk() if path.endswith("/__init__.py")}
    assert sorted(settings()["packages"]) == sorted(packages | NO_MODULES)


def test_every_folder_with_modules_is_a_package() -> None:
    modules = modules_on_disk()
    assert {f"{path.rsplit('/', 1)[0]}/__init__.py" for path in modules} <= modules


@pytest.mark.parametrize("name", LINKS)
def test_link_leads_to_the_mapped_folder(name: str) -> None:
    link = ROOT / "eeinfer" / name
    assert link.resolve() == source_folders()[f"eeinfer.{name}"]
    assert not Path(link.readlink()).is_absolute()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("sources")))


def test_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    assert "eeinfer/py.typed" in files_on_disk()
    missing = files_on_disk() - set(wheel.namelist())
    assert not missing


def test_wheel_holds_nothing_else_at_the_top(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"eeinfer"}


def test_shipped_bundle_and_images_are_there_and_small(wheel: zipfile.ZipFile) -> None:
    assets = {name for name in wheel.namelist() if name.startswith("eeinfer/assets/") and not name.endswith(".py")}
    assert {"eeinfer/assets/fashion.eeb/manifest.json", "eeinfer/assets/fashion_test.npz"} <= assets
    size_bytes = sum(wheel.getinfo(name).file_size for name in assets)
    assert size_bytes <= 3 * 2**20


def test_no_file_names_the_machine_that_built_it(wheel: zipfile.ZipFile) -> None:
    absolute = re.compile(rf"{re.escape(str(ROOT))}|{re.escape(str(Path.home()))}/|/home/\w+/|/Users/\w+/".encode())
    found = [name for name in wheel.namelist() if absolute.search(wheel.read(name))]
    assert not found


def test_the_command_starts_at_a_function_that_exists() -> None:
    module, function = project()["project"]["scripts"]["eeinfer"].split(":")
    imported = __import__(module, fromlist=[function])
    assert callable(getattr(imported, function))
