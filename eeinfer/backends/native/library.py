"""Where the compiled library is: named by EEINFER_NATIVE, beside the package, or built into this machine's cache."""

import ctypes
import functools
import importlib.util
import logging
import os
import sys
from pathlib import Path

from eeinfer.backends.native.binding import ABI_VERSION, Binding
from eeinfer.backends.native.sources import KIND as KIND
from eeinfer.backends.native.sources import PACKAGE, sources_key
from eeinfer.backends.onnx_runtime import share_arena
from eeinfer.errors import DependencyError
from eeinfer.machine import cache

VARIABLE = "EEINFER_NATIVE"
ONNXRUNTIME = "EEINFER_ONNXRUNTIME"
OFF = "off"
FILE = "eeinfer".join({"win32": ("", ".dll"), "darwin": ("lib", ".dylib")}.get(sys.platform, ("lib", ".so")))
BUILD = "eeinfer native build"
_RUNTIME = {"win32": "onnxruntime.dll", "darwin": "libonnxruntime.*dylib"}.get(sys.platform, "libonnxruntime.so*")

log = logging.getLogger(__name__)


def binding() -> Binding:
    """Load the library where it is found.

    Raises:
        DependencyError: there is none, or it does not load, or it is too old: then with the command that builds it.
    """
    path = find()
    if path is None and os.environ.get(VARIABLE) == OFF:
        raise DependencyError(f"{VARIABLE} is {OFF}; unset it to take the compiled library where it is there")
    if path is None:
        raise DependencyError(f"the compiled library is not there; build it with: {BUILD}, or name it in {VARIABLE}")
    return load(path)


def obstacle() -> str | None:
    """Return why the library cannot be used here, and what mends that; None: it loads."""
    try:
        binding()
    except DependencyError as error:
        return str(error)
    return None


def find() -> Path | None:
    """Return the file of the library; None where there is none, or EEINFER_NATIVE is ``off``."""
    named = os.environ.get(VARIABLE)
    if named:
        return None if named == OFF else Path(named).expanduser()
    if (shipped := PACKAGE / "lib" / FILE).is_file():
        return shipped
    folder = cache.cache_folder()
    if folder is None or not (folder / KIND).is_dir():  # nothing was ever built: the sources need not be read
        return None
    built = place()
    return None if built is None or not (built / FILE).is_file() else built / FILE


def place() -> Path | None:
    """Return the folder in this machine's cache where the library of these very sources lies, or would lie."""
    return None if cache.cache_folder() is None else cache.place(KIND, sources_key())


@functools.cache
def load(path: Path) -> Binding:
    """Load the library at ``path``, once per process.

    Raises:
        DependencyError: it does not load, or speaks another version of the interface.
    """
    try:
        loaded = ctypes.CDLL(str(path))
        found = int(loaded.eeinfer_abi_version())
        if found != ABI_VERSION:
            raise DependencyError(
                f"{path} has version {found} of the C interface, this eeinfer speaks {ABI_VERSION}; build it: {BUILD}"
            )
        return Binding(loaded)
    except (OSError, AttributeError) as error:
        raise DependencyError(f"{path} cannot be loaded ({error}); build it again with: {BUILD}") from error


def cmake_folder() -> Path:
    """Return the folder of the C++ project: in an installed package, or in a checkout.

    Raises:
        DependencyError: this installation has none.
    """
    for folder in (PACKAGE / "cmake", PACKAGE.parent / "cmake"):
        if (folder / "CMakeLists.txt").is_file():
            return folder
    raise DependencyError("this installation has no CMake files: pip install --force-reinstall eeinfer")


def runtime_is_shared() -> bool:
    """Whether the library computes with the ONNX Runtime of this process, which has been imported."""
    return host_api(binding()) is not None


def host_api(call: Binding) -> int | None:
    """Return the OrtApiBase of the ONNX Runtime that this process has imported; None: it has none, or another is named.

    The extension module of the onnxruntime package holds a whole runtime and exports nothing of it: its libonnxruntime
    would be a second one, with an arena and thread pools of its own. But it hands its base to libraries of operators.
    """
    module = sys.modules.get("onnxruntime")
    if module is None or os.environ.get(ONNXRUNTIME):
        return None
    if call.host_ort_api_base() is None:
        try:
            module.SessionOptions().register_custom_ops_library(call.library._name)
        except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
            log.info("ONNX Runtime does not tell the compiled library where it is: %s", error)
            return None
        share_arena()  # before the library does, whose second try is no error
    return call.host_ort_api_base()


def onnxruntime_file() -> Path | None:
    """Return the library inside the onnxruntime wheel of this Python, without importing it; None: look elsewhere.

    EEINFER_ONNXRUNTIME stands above it: then the C++ library looks there by itself.
    """
    if os.environ.get(ONNXRUNTIME):
        return None
    spec = importlib.util.find_spec("onnxruntime")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return next((path for folder in folders for path in sorted(Path(folder, "capi").glob(_RUNTIME))), None)
