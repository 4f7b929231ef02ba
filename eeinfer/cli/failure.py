"""From an exception to the one line that a user can act on."""

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, TypeVar

import typer

from eeinfer.bundle.labels import printable
from eeinfer.errors import EeinferError
from eeinfer.machine.extras import missing_extra

Body = TypeVar("Body", bound=Callable[..., None])

DEBUG_VARIABLE = "EEINFER_DEBUG"


def guarded(body: Body) -> Body:
    """Wrap a command: a known failure becomes one line on stderr and exit status 1, Ctrl-C becomes 130."""

    @wraps(body)
    def run(*args: object, **kwargs: object) -> None:
        try:
            body(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (EeinferError, ImportError, OSError) as error:
            line = describe(error)
            if line is None or kwargs.get("debug") or os.environ.get(DEBUG_VARIABLE):
                raise
            fail(line)

    return run  # type: ignore[return-value]  # wraps keeps the signature, which mypy cannot see


def describe(error: EeinferError | ImportError | OSError) -> str | None:
    """Return what to tell the user, or None for a failure that is a defect of ours and deserves its traceback."""
    if isinstance(error, EeinferError):
        return str(error)
    if isinstance(error, ImportError):
        missing = missing_extra(error)
        return None if missing is None else str(missing)
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "no space left on the device: free some and run the same command again; nothing half-written was kept"
    if error.strerror is None:
        return None
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def fail(line: str) -> NoReturn:
    """Print one line on stderr, whatever line breaks the message had, and leave with status 1."""
    typer.echo(f"error: {printable(' '.join(line.split()))}", err=True)
    raise typer.Exit(1)
