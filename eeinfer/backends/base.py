"""What an engine asks of a backend. Tensors belong to the backend; only what an exit decides is on the host."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.levels import Level

Inputs: TypeAlias = Mapping[str, NDArray[Any]]  # prepared tensors [B, *shape] by the names of the manifest's inputs
Live: TypeAlias = Any  # the rows of one batch that are still in, as the backend keeps them


class Exit(NamedTuple):
    """What segment k decides, for every row still in, on the host."""

    logits: NDArray[Any]  # [B, K] float32
    score: NDArray[Any]  # [B] float32
    prediction: NDArray[Any]  # [B] int64

    @classmethod
    def zeros(cls, classes: int, rows: int) -> "Exit":
        """Make room for the answers of ``rows`` rows."""
        return cls(np.zeros((rows, classes), np.float32), np.zeros(rows, np.float32), np.zeros(rows, np.int64))


class Lane(Protocol):
    """Buffers, made once, that take one row through the cascade. For one caller at a time."""

    # Runs the whole loop on the device and returns the exit, which is valid then; earlier ones have their score alone.
    run_on_device: Callable[[Sequence[float]], int] | None  # None: the host runs the loop

    @property
    def exits(self) -> tuple[Exit, ...]:
        """The answers, B = 1. Ask for exit k after ``run(k)``; it is valid until the next ``load``."""

    def load(self, inputs: Inputs) -> bool:
        """Take a copy of one prepared row, B = 1; returns whether it holds neither NaN nor infinite numbers."""

    def run(self, segment: int) -> float:
        """Compute a segment, all earlier ones having run, and return its score."""


class DeviceGraph(Protocol):
    """A further ONNX graph, opened and fed as the segments are, for batches of one size."""

    def run(self, inputs: Inputs) -> None:
        """Compute it from NumPy's memory, until what the host reads is there."""

    def device_ms(self, inputs: Inputs) -> float:
        """Return the device's own milliseconds for computing it, all outputs left on the device."""


# Takes one prepared row, B = 1, and the exit where it leaves; returns the device's own milliseconds. All segments are
# put into the stream at once: what the same way takes beyond that is spent on the host.
DeviceClock: TypeAlias = Callable[[Inputs, int], float]

# Takes an ONNX file with the inputs of the bundle, a batch like those to come, and the outputs that the host reads.
GraphOpener: TypeAlias = Callable[[Path, Inputs, Sequence[str]], DeviceGraph]


class Opened(Protocol):
    """A bundle that is ready to run on one device. Any number of threads may call it at once."""

    name: str
    device: str
    threads: int | None  # per segment run; None where the process decides

    @property
    def level(self) -> Level | None:
        """How little waits for the host, as it runs, which may be less than was asked; None: there are no levels."""

    @property
    def optimised(self) -> bool | None:
        """Whether the segments run in the form that was optimised for this machine; None: there is no such form."""

    @property
    def warm(self) -> bool:
        """Whether every segment has run since it was opened."""

    @property
    def device_ms(self) -> DeviceClock | None:
        """What measures one row by the device's own clock; None: the device has none."""

    @property
    def open_graph(self) -> GraphOpener | None:
        """What opens further ONNX graphs where the segments run; None: nothing but segments runs here."""

    def new_lane(self) -> Lane:
        """Make the buffers for one row at a time."""


class Backend(Opened, Protocol):
    """The segments of one bundle, which ``eeinfer.steps`` runs one after another."""

    loop: None  # it brings none of its own

    def start(self, inputs: Inputs) -> Live:
        """Take a batch of prepared rows; they may be read in place until ``release``."""

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment for every row of ``live``. The exit's arrays are valid until the next call with it."""

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        """Whether ``segment`` is done sooner if all but ``stays`` of ``rows`` rows are taken out first."""

    def compact(self, live: Live, order: NDArray[Any]) -> Live:
        """Return ``live`` with the rows ``order`` [stays] int64, in that order.

        Position i is row i, but for rows that left: there rows from behind ``stays`` fill the holes.
        """

    def join(self, live: Live, other: Live, order: NDArray[Any]) -> Live:
        """Return the rows ``order`` of two batches, of which the same segments have run; neither may be used again.

        Rows of ``other`` are numbered on behind those of ``live``, whose holes are filled from behind as in `compact`.
        """

    def release(self, live: Live) -> None:
        """Take the buffers of a batch back."""
