"""What a peer is asked for. It lives in a process of its own and is driven by `eeinfer.bench.workers.worker`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import EeinferError, InputError
from eeinfer.machine.extras import missing_extra
from eeinfer.machine.telemetry import silenced

Array = NDArray[Any]
Call = Callable[[Array], Any]  # one batch of prepared images; what it returns, `Peer.answers` understands


class Unavailable(EeinferError):
    """A peer cannot run here or not this bundle; the text says why and is shown in its row."""


class NotAnswered(Unavailable):
    """The bundle does not answer what it was given: it is at fault, or what it was given is no image of its own."""


class Workload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the rows are to leave."""

    name: str
    taus: tuple[float, ...]  # per exit
    exits: tuple[int, ...]  # where each timed image leaves, by the engine's own scores


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a peer is made from."""

    bundle: str
    checkpoint: str | None
    folder: str  # for what is prepared once, by `Peer.prepare`
    images: str  # .npy with the prepared images [N, ...], in the order of `Workload.exits`
    batch: int
    threads: int  # that a run may use
    device: str = "cpu"  # or "cuda", "cuda:1"
    threads_asked: int | str | None  # of the engine, as the user wrote it: None leaves it to the engine
    backend_asked: str | None = None  # of the engine; None leaves it to the engine

    @property
    def workspace(self) -> Path:
        """The folder for prepared files."""
        return Path(self.folder)


class Peer:
    """One way to run the network. Subclasses say what differs."""

    note: ClassVar[str] = ""  # what a reader has to know of it
    packages: ClassVar[tuple[str, ...]] = ()  # whose versions belong beside its numbers
    needs_checkpoint: ClassVar[bool] = False
    decides: ClassVar[bool] = True  # whether a row can leave early

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Make files that somebody who deploys this way would have made beforehand; in a process of its own.

        Raises:
            Unavailable: it cannot be done, and why.
        """

    @classmethod
    def libraries(cls) -> None:
        """Import what `__init__` needs, so that its time and memory are not taken for the model's.

        Raises:
            Unavailable: something is not installed.
        """

    def __init__(self, setup: Setup) -> None:
        """Open the model, ready to be called."""
        self.setup = setup
        self.detail = ""  # what was chosen where there was a choice
        self.plain = False  # our segments run as they were exported, not in a form that is kept for this machine
        self.how: str | None = None  # our engine on the CPU: what runs it, and why that

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return what runs a batch under a workload.

        Args:
            workload: where rows leave.
            rows: positions of the batch's images among all.
        """
        raise NotImplementedError

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Read exits and predictions, [B] each, out of what a call returned. Not timed."""
        raise NotImplementedError


def needs(package: str, wheel: str | None = None) -> None:
    """Import a package.

    Raises:
        Unavailable: it is not installed; the text says what to install.
    """
    try:
        with silenced():
            __import__(package)
    except ImportError as error:
        known = missing_extra(error)
        hint = str(known) if known else f"{package} is not installed: pip install {wheel or package}"
        raise Unavailable(hint) from error


def check_one_input(manifest: Manifest) -> None:
    """Refuse a bundle with several inputs: every peer takes one array of images.

    Raises:
        InputError: it has several.
    """
    if len(manifest.inputs) > 1:
        names = ", ".join(input.tensor.name for input in manifest.inputs)
        raise InputError(
            f"{manifest.name!r} reads {names}; settings and peers are tried on bundles with one input: "
            "measure it with eeinfer bench alone"
        )


def everywhere(exit: int, rows: int) -> Array:
    """Exits [rows] of a network that has one."""
    return np.full(rows, exit, np.int64)
