"""The two libraries that run plans, ``tensorrt`` and ``tensorrt_rtx``: one Python API under two names."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from eeinfer.bundle.build_record import RTX, TENSORRT
from eeinfer.errors import BundleError, DependencyError, first_line

LIBRARIES = (TENSORRT, RTX)


@dataclass(frozen=True, kw_only=True)
class Library:
    """One of the libraries, imported."""

    name: str
    version: str
    module: Any  # it has no types


def installed() -> list[Library]:
    """Import the libraries that are there, the one for every GPU before the one for RTX GPUs.

    Raises:
        DependencyError: none is, or one does not load.
    """
    found = [library for library in map(_imported, LIBRARIES) if library is not None]
    if not found:
        raise DependencyError(
            "backend 'tensorrt' needs the tensorrt package or the tensorrt_rtx package: pip install 'eeinfer[tensorrt]'"
        )
    return found


def _imported(name: str) -> Library | None:
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise _broken(name, error) from error
    except Exception as error:  # its own libraries may be missing in many ways
        raise _broken(name, error) from error
    return Library(name=name, version=module.__version__, module=module)


def _broken(name: str, error: Exception) -> DependencyError:
    return DependencyError(
        f"{name} is installed but does not load ({first_line(error)}): pip install --force-reinstall {name}"
    )


class Reader:
    """Makes engines of plans. What the library has to say about a failure comes with the error."""

    def __init__(self, library: Library) -> None:
        complaints = _complaints(library.module)
        self._runtime = library.module.Runtime(complaints)
        self.library, self.complaints = library, complaints  # behind the runtime, which is let go of first

    def engine(self, plan: Path, *, remedy: str) -> Any:
        """Return the engine of a plan, on the device that is current; ``remedy`` ends the message of an error.

        Raises:
            BundleError: the library does not accept it.
        """
        engine = self._runtime.deserialize_cuda_engine(plan.read_bytes())
        if engine is None:
            version, reason = self.library.version, self.complaints.take()
            raise BundleError(f"{self.library.name} {version} does not accept {plan}: {reason}; {remedy}")
        return engine


def _complaints(module: Any) -> Any:
    """Make a logger that keeps errors: the library returns None or False, and tells its logger why."""

    class Complaints(module.ILogger):  # type: ignore[misc]  # its base exists at run time only
        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self._errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR):
                self._errors.append(message.strip().partition("\n")[0])

        def take(self) -> str:
            errors, self._errors = self._errors, []
            return errors[0] if errors else "it gives no reason"

    return Complaints()
