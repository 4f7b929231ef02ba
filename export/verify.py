"""The parity report: torch against the chain of segments, exit by exit, before a bundle is let out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import ExitParity, Parity
from eeinfer.errors import ExportError
from eeinfer.export.graph.trace import ScoredExits
from eeinfer.export.reference import Array, Chain, Exit
from eeinfer.rule import as_taus, leaves

TAUS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
BATCH_SIZES = (1, 2, 7)


@dataclass
class _Exit:
    """What was seen of one exit so far."""

    error: float = 0.0
    scale: float = 1.0
    wrong: int = 0
    same_decisions: int = 0
    decisions: int = 0

    def add(self, torch_exit: Exit, chain_exit: Exit) -> None:
        error = np.abs(torch_exit["logits"] - chain_exit["logits"])
        self.error = max(self.error, float(error.max()) if np.isfinite(error).all() else float("inf"))
        self.scale = max(self.scale, float(np.abs(torch_exit["logits"]).max()))
        self.wrong += int((torch_exit["prediction"] != chain_exit["prediction"]).sum())
        for tau in as_taus(TAUS, len(TAUS)):
            same = leaves(torch_exit["score"], tau) == leaves(chain_exit["score"], tau)
            self.same_decisions += int(same.sum())
            self.decisions += same.size


def verify(
    scored: ScoredExits, chain: Chain, example: torch.Tensor, *, real: Array | None, tolerance: float, seed: int = 0
) -> Parity:
    """Compare every exit on random and real inputs at several batch sizes.

    Args:
        scored: the network in torch, with its scores.
        chain: the exported segments.
        example: gives the shape of a row.
        real: prepared real inputs [N, ...], or None.
        tolerance: largest absolute error of a logit; for logits beyond 1 in size, relative to the largest.

    Raises:
        ExportError: an exit is off by more, or a row's answer depends on the other rows of its batch.
    """
    seen: list[_Exit] = []
    for batch in _batches(example, real, seed):
        with torch.no_grad():
            outputs = [tensor.cpu().numpy() for tensor in scored(torch.from_numpy(batch))]
        expected = [dict(zip(EXIT_OUTPUTS, outputs[i : i + 3], strict=True)) for i in range(0, len(outputs), 3)]
        seen = seen or [_Exit() for _ in expected]
        answers = chain(batch)
        for exit, torch_exit, chain_exit in zip(seen, expected, answers, strict=True):
            exit.add(torch_exit, chain_exit)
        _require(seen, tolerance)
        _require_own_rows(chain(batch[-1:]), answers, tolerance)
    return Parity(
        tolerance=tolerance,
        batch_sizes=BATCH_SIZES,
        inputs=("random",) if real is None else ("random", "real"),
        taus=TAUS,
        exits=tuple(
            ExitParity(
                max_abs_error=exit.error,
                predictions_equal=exit.wrong == 0,
                decisions_equal=exit.same_decisions / exit.decisions,
            )
            for exit in seen
        ),
    )


def _batches(example: torch.Tensor, real: Array | None, seed: int) -> Iterator[Array]:
    row = tuple(example.shape[1:])
    rng = np.random.default_rng(seed)
    for size in BATCH_SIZES:
        yield rng.standard_normal((size, *row), dtype=np.float32)
    for size in BATCH_SIZES if real is not None else ():
        assert real is not None
        chosen = rng.choice(len(real), size=min(size, len(real)), replace=False)
        yield np.ascontiguousarray(real[chosen], dtype=np.float32)


def _require(seen: Sequence[_Exit], tolerance: float) -> None:
    for k, exit in enumerate(seen):
        allowed = tolerance * exit.scale
        if not exit.error <= allowed:
            raise ExportError(
                f"exit {k} of the exported segments is off by {exit.error:.2g}, more than the {allowed:.2g} allowed; "
                "see that the model has no randomness in eval mode and that its activations do not grow from block to "
                f"block, as they may in an untrained one, or allow more with tolerance, now {tolerance:g}"
            )


def _require_own_rows(alone: Sequence[Exit], answers: Sequence[Exit], tolerance: float) -> None:
    """Rows leave a batch one by one, so none may look at another."""
    for k, (one, batch) in enumerate(zip(alone, answers, strict=True)):
        error = float(np.abs(one["logits"][0] - batch["logits"][-1]).max())
        if not error <= tolerance * max(1.0, float(np.abs(one["logits"]).max())):
            raise ExportError(
                f"exit {k} answers a row differently alone and in a batch (by {error:.2g}); "
                "remove what mixes rows, such as statistics over the batch"
            )
