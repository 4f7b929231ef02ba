"""Building the compiled library from the sources that the package ships, into this machine's cache."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from eeinfer.backends.native import library
from eeinfer.errors import ConfigError, DependencyError
from eeinfer.machine import cache
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import clean_up, working_folder
from eeinfer.machine.locks import locked
from eeinfer.progress import Progress, silent

_COMPILERS = ("c++", "g++", "clang++")
_HOUR_S = 3600.0  # longer than a build takes: whoever waits finds it done
_LINES = 12  # of a compiler's words that still help


def build(*, headers: Path | None = None, again: bool = False, progress: Progress = silent) -> Path:
    """Compile the library and return its file; where it was built from these sources already, only that.

    One process builds at a time; the library appears by one rename.

    Args:
        headers: a folder with the headers of ONNX Runtime and nlohmann-json, as an unpacked release or ``.ci/headers``
            has them; None leaves it to CMake where they are.
        again: build also where it is there.
        progress: told the name of each step.

    Raises:
        ConfigError: this machine keeps nothing, or ``headers`` is no folder.
        DependencyError: CMake, a compiler or headers are missing, or the compiler fails: it says what to install.
    """
    if headers is not None and not headers.is_dir():
        raise ConfigError(f"--headers {headers} is no folder; give one with those of ONNX Runtime and nlohmann-json")
    place = library.place()
    if place is None:
        reason = cache.obstacle(library.KIND) or f"{cache.VARIABLE} is {cache.OFF}"
        raise ConfigError(f"nothing is kept for this machine: {reason}; name a folder of yours in {cache.VARIABLE}")
    project, tools = library.cmake_folder(), _tools()
    cache.make_folder(place.parent)
    with locked(place.with_name(f".{place.name}.lock"), wait_s=_HOUR_S):
        if again or not (place / library.FILE).is_file():
            clean_up(place)
            with working_folder(place, mode=0o700) as folder:
                _build(project, folder, tools, headers, progress)
                _publish(folder, place)
    return place / library.FILE


def _tools() -> str:
    """Return CMake's path where there is a compiler too."""
    cmake = shutil.which("cmake")
    compiler = os.environ.get("CXX") or next(filter(shutil.which, _COMPILERS), None)
    missing = [name for name, found in (("cmake", cmake), ("g++", compiler)) if found is None]
    if os.name == "nt":  # CMake finds Visual Studio by itself
        missing = [name for name in missing if name == "cmake"]
    if missing or cmake is None:
        raise DependencyError(f"{' and '.join(missing)} not found; Debian, Ubuntu: apt-get install {' '.join(missing)}")
    return cmake


def _build(project: Path, folder: Path, cmake: str, headers: Path | None, progress: Progress) -> None:
    """Leave nothing but the library in ``folder``."""
    work, out = folder / "work", folder / "out"
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "BUILD_SHARED_LIBS": "ON",
        "EEINFER_BUILD_TOOLS": "OFF",
        "EEINFER_INSTALL": "OFF",
        **{f"CMAKE_{kind}_OUTPUT_DIRECTORY": str(out) for kind in ("LIBRARY", "RUNTIME")},
    }
    if headers is not None:
        whole = headers.resolve()
        options |= {"ONNXRUNTIME_ROOT": str(whole), "CMAKE_PREFIX_PATH": f"{whole};{whole / 'usr'}"}
    progress("configuring")
    _run([cmake, "-S", str(project), "-B", str(work), *(f"-D{name}={value}" for name, value in options.items())])
    progress("compiling: a minute or two")
    jobs = str(physical_cores())
    _run([cmake, "--build", str(work), "--config", "Release", "--target", "eeinfer", "--parallel", jobs])
    built = next((path for path in out.rglob(library.FILE) if path.is_file()), None)
    if built is None:
        raise DependencyError(f"the build left no {library.FILE}; report it with the output of: cmake --build")
    shutil.copy(built, folder / library.FILE)
    for path in (work, out):
        shutil.rmtree(path, ignore_errors=True)
    library.load(folder / library.FILE)  # what does not load is not published


def _publish(folder: Path, place: Path) -> None:
    ready = place.with_name(f".{place.name}.{os.urandom(6).hex()}")
    folder.rename(ready)
    if place.exists():
        cache.discard(place)
    ready.rename(place)


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise DependencyError(" ".join(_said(done.stdout + done.stderr)))


def _said(output: str) -> Iterator[str]:
    """The sentence of CMake's error, or the first errors of a compiler."""
    error = re.search(r"CMake Error[^\n]*\n(.*?)(\n\n\n|\nCall Stack|\Z)", output, re.DOTALL)
    if error is not None and error[1].strip():
        yield f"the C++ library cannot be built: {' '.join(error[1].split())}"
        yield "(--headers FOLDER names where headers are)"
        return
    lines = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    yield f"the C++ library does not compile: {' | '.join(lines[:_LINES]) or output[-500:]}"
