"""Where the compiled library is looked for, and what is said of one that cannot be used."""

import ctypes.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import eeinfer
from eeinfer.backends.native import library, sources
from eeinfer.errors import DependencyError


@pytest.fixture
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EEINFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(library.VARIABLE)
    return tmp_path


@pytest.mark.usefixtures("nothing_built")
def test_where_there_is_none_the_other_backend_is_taken(tiny_bundle: Path) -> None:
    assert library.find() is None
    assert "build it with: eeinfer native build" in str(library.obstacle())
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.backend == "onnxruntime"
    with pytest.raises(DependencyError, match="eeinfer native build"):
        eeinfer.load(tiny_bundle, backend="native")


def test_one_in_the_cache_is_taken(nothing_built: Path, native_library: Path, tiny_bundle: Path) -> None:
    place = library.place()
    assert place is not None
    place.mkdir(parents=True, mode=0o700)
    for folder in (place, place.parent, place.parent.parent):
        folder.chmod(0o700)
    shutil.copy(native_library, place / library.FILE)
    assert library.find() == place / library.FILE
    assert library.obstacle() is None
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.backend == "native"
    place.parent.chmod(0o777)  # others may have put it there
    assert library.find() is None


def test_off_is_off(native_library: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    assert library.find() == native_library
    monkeypatch.setenv(library.VARIABLE, "off")
    assert library.find() is None
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.backend == "onnxruntime"


def test_what_is_no_library_of_ours_is_passed_over_and_refused_by_name(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.so").write_bytes(b"no library")
    foreign = ctypes.util.find_library("c") or "libc.so.6"
    for name, words in (
        (str(tmp_path / "none.so"), "cannot be loaded"),
        (str(tmp_path / "broken.so"), "cannot be loaded"),
        (foreign, "cannot be loaded"),
    ):
        monkeypatch.setenv(library.VARIABLE, name)
        with pytest.raises(DependencyError, match=rf"{Path(name).name}.*{words}.*eeinfer native build"):
            eeinfer.load(tiny_bundle, backend="native")
        with eeinfer.load(tiny_bundle, threads=1) as engine:
            assert engine.backend == "onnxruntime"


def test_another_version_of_the_interface_is_refused(
    native_library: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    monkeypatch.setattr(library, "ABI_VERSION", 99)
    library.load.cache_clear()
    with pytest.raises(DependencyError, match=r"version 1 of the C interface, this eeinfer speaks 99; .*native build"):
        eeinfer.load(tiny_bundle, backend="native")
    library.load.cache_clear()


def test_without_onnxruntime_the_library_says_where_it_looked(
    native_library: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    monkeypatch.setenv("EEINFER_ONNXRUNTIME", str(tmp_path / "libonnxruntime.so"))
    with pytest.raises(DependencyError, match=r"ONNX Runtime cannot be loaded; tried: .*libonnxruntime\.so"):
        eeinfer.load(tiny_bundle, backend="native")


def test_it_does_not_import_onnxruntime(
    native_library: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys, eeinfer; engine = eeinfer.load(sys.argv[1], threads=1);"
        "print(engine.backend, 'onnxruntime' in sys.modules)"
    )
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    with eeinfer.load(tiny_bundle, threads=1):  # the optimised form is there
        pass
    done = subprocess.run([sys.executable, "-c", code, str(tiny_bundle)], capture_output=True, text=True)
    assert done.stdout.split() == ["native", "False"], done.stderr


def test_the_project_for_cmake_is_found() -> None:
    assert (library.cmake_folder() / "CMakeLists.txt").is_file()


def test_where_nothing_was_built_the_sources_are_not_read(nothing_built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing_built / "cache").mkdir(mode=0o700)
    monkeypatch.setattr(library, "sources_key", lambda: pytest.fail("they are read"))
    assert library.find() is None


def test_the_library_is_named_after_its_sources() -> None:
    assert len(sources.sources_key()) == 32
    assert all(path.suffix in (".h", ".cc") for path in sources.sources())
