"""Every exit's answers, nobody leaving: the plain way to run a bundle's graphs, to compare others with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import Segment

INPUT = "input"  # the name of the input where there is but one tensor

Array = NDArray[Any]
Batch = Array | Mapping[str, Array]  # [B, ...], of the only input or by name
Exit = dict[str, Array]  # logits [B, K], score [B], prediction [B]


class Chain:
    """The segments run one after another to the last exit.

    As they are written, if that is asked for: ONNX Runtime's optimiser leaves out roundings.
    """

    def __init__(
        self, folder: Path, segments: Sequence[Segment], *, threads: int = 1, as_written: bool = False
    ) -> None:
        self.segments = segments
        self.sessions = [
            open_session(folder / segment.file, threads=threads, optimised=as_written)[0] for segment in segments
        ]

    def __call__(self, batch: Batch) -> list[Exit]:
        """Return every exit's outputs for `batch`."""
        return [{name: made[name] for name in EXIT_OUTPUTS} for made in self.values(batch)]

    def values(self, batch: Batch) -> list[dict[str, Array]]:
        """Return what every segment makes of `batch`: its exit's outputs and the tensors that it carries."""
        live, made = _by_name(batch), []
        for segment, session in zip(self.segments, self.sessions, strict=True):
            names = [*EXIT_OUTPUTS, *(tensor.name for tensor in segment.carried)]
            results = session.run(names, {tensor.name: live[tensor.name] for tensor in segment.inputs})
            made.append(dict(zip(names, results, strict=True)))
            live |= made[-1]
        return made


class Whole:
    """The one graph with every exit, computed as it is written."""

    def __init__(self, path: Path, num_exits: int, *, threads: int = 1) -> None:
        self.session, _ = open_session(path, threads=threads, optimised=True)
        self.names = [f"{kind}_{k:02d}" for k in range(num_exits) for kind in EXIT_OUTPUTS]

    def __call__(self, batch: Batch) -> list[Exit]:
        """Return every exit's outputs for `batch`."""
        found = self.session.run(self.names, _by_name(batch))
        step = len(EXIT_OUTPUTS)
        return [dict(zip(EXIT_OUTPUTS, found[at : at + step], strict=True)) for at in range(0, len(found), step)]


def _by_name(batch: Batch) -> dict[str, Array]:
    return dict(batch) if isinstance(batch, Mapping) else {INPUT: batch}
