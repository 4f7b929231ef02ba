"""What an engine asks of a backend. A tensor belongs to the backend; on the CPU it is a NumPy array."""

from typing import Any, NamedTuple, Protocol, TypeAlias

from numpy.typing import NDArray

Live: TypeAlias = dict[str, Any]  # tensors that some later segment still reads, by name


class Exit(NamedTuple):
    """What segment k decides, for every row still in, on the host."""

    logits: NDArray[Any]  # [B, K] float32
    score: NDArray[Any]  # [B] float32
    prediction: NDArray[Any]  # [B] int64


class Lane(Protocol):
    """One image's way through the cascade in buffers that are made once. For one caller at a time."""

    exits: tuple[Exit, ...]  # the buffers, B = 1; exit k is valid after ``run(k)`` and until the next ``load``

    def load(self, image: NDArray[Any]) -> None:
        """Take one prepared image [1, *shape]; the lane reads it in place until the next one."""

    def run(self, segment: int) -> float:
        """Compute a segment, all earlier ones having run, and return its score."""


class Backend(Protocol):
    """The segments of one bundle, ready to run on one device. Any number of threads may call it at once."""

    name: str
    device: str
    threads: int | None  # per segment run; None where the process decides

    def start(self, images: NDArray[Any]) -> Live:
        """Take prepared images [B, *shape] to the device."""

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment for every row; add what it carries to ``live`` and drop what no later one reads."""

    def keep(self, live: Live, rows: NDArray[Any]) -> Live:
        """Return the live tensors with only ``rows`` left on the batch axis."""

    def lane(self) -> Lane:
        """Make the buffers for one image at a time."""
