"""The parity report: torch against the chain of segments, exit by exit, before a bundle is let out."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import ExitParity, Parity
from eeinfer.errors import ExportError, ExportWarning, first_line
from eeinfer.export.graph.trace import ScoredExits, run_eagerly
from eeinfer.export.model.draws import ODD_SIZES, RANDOM, SIZES, Batch, Draws
from eeinfer.export.reference import Chain, Exit
from eeinfer.export.rows import require_own_rows
from eeinfer.rule import as_taus, leaves

TAUS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
BATCH_SIZES = (*SIZES, *ODD_SIZES)
ROUNDING = 1e-6  # how far beyond 0 and 1 float32 may take scores of a model's own
ONES = 1e-3  # how far sums of probabilities may be from one
FEW = 0.05  # share of rows whose score may jump: a run of equal predictions ends where two classes tie
_ONLY_REAL = "where only some inputs make sense give real_inputs and random_inputs=False"


@dataclass
class _Exit:
    """What was seen of one exit so far."""

    error: float = 0.0
    scale: float = 1.0
    wrong: int = 0
    same_decisions: int = 0
    decisions: int = 0
    rows: int = 0
    moved: int = 0  # whose score is clearly another one
    low: float = float("inf")  # of torch's logits
    high: float = -float("inf")
    sums: list[float] = field(default_factory=list)  # smallest and largest of the rows
    beyond: float = 0.0  # how far torch's scores are outside [0, 1]

    def add(self, torch_exit: Exit, chain_exit: Exit, tolerance: float) -> None:
        wanted = torch_exit["logits"]
        error = np.abs(wanted - chain_exit["logits"])
        self.error = max(self.error, float(error.max()) if np.isfinite(error).all() else float("inf"))
        self.scale = max(self.scale, float(np.abs(wanted).max()))
        self.low, self.high = min(self.low, float(wanted.min())), max(self.high, float(wanted.max()))
        sums = wanted.sum(1)
        self.sums = [min([*self.sums, float(sums.min())]), max([*self.sums, float(sums.max())])]
        self.beyond = max(self.beyond, _beyond(torch_exit["score"]))
        off = np.abs(torch_exit["score"] - chain_exit["score"])
        self.rows += off.size
        self.moved += int((~(off <= 10 * tolerance)).sum())
        self.wrong += int((torch_exit["prediction"] != chain_exit["prediction"]).sum())
        for tau in as_taus(TAUS, len(TAUS)):
            same = leaves(torch_exit["score"], tau) == leaves(chain_exit["score"], tau)
            self.same_decisions += int(same.sum())
            self.decisions += same.size


def verify(scored: ScoredExits, chain: Chain, draws: Draws, *, tolerance: float) -> Parity:
    """Compare every exit at several batch sizes, and every row with itself in other batches.

    Args:
        scored: the network in torch, with its scores.
        chain: the exported segments.
        draws: what to compare on.
        tolerance: largest absolute error of a logit; for logits beyond 1 in size, relative to the largest.

    Raises:
        ExportError: an exit is off by more, a row's answer depends on the other rows of its batch, a score leaves
            [0, 1], or the network does not answer such inputs at all.
    """
    seen: list[_Exit] = []
    for source, batch in draws.batches():
        expected = _torch_answers(scored, batch, source)
        _require_sense(scored, expected, source)
        seen = seen or [_Exit() for _ in expected]
        answers = _chain_answers(chain, batch)
        for exit, torch_exit, chain_exit in zip(seen, expected, answers, strict=True):
            exit.add(torch_exit, chain_exit, tolerance)
        _require(seen, tolerance)
        require_own_rows(chain, batch, answers, tolerance)
    _notice_probabilities(seen)
    if scored.score is None:
        _notice_rounding(seen)
    return Parity(
        tolerance=tolerance,
        batch_sizes=BATCH_SIZES,
        inputs=draws.sources,
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


def _torch_answers(scored: ScoredExits, batch: Batch, source: str) -> list[Exit]:
    tensors = [torch.from_numpy(array) for array in batch.values()]
    rows = len(tensors[0])
    hint = _ONLY_REAL if source == RANDOM else "give inputs as the model reads them"
    found = [tensor.numpy() for tensor in run_eagerly(scored, tensors, f"{rows} {source} rows", hint)]
    return [dict(zip(EXIT_OUTPUTS, found[i : i + 3], strict=True)) for i in range(0, len(found), 3)]


def _chain_answers(chain: Chain, batch: Batch) -> list[Exit]:
    try:
        return chain(batch)
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in batch.items())
        raise ExportError(
            f"the exported segments do not run on {shapes} ({first_line(error)[:300]}); see that forward works for any "
            "batch size and for every size of a dynamic axis"
        ) from error


def _require_sense(scored: ScoredExits, exits: Sequence[Exit], source: str) -> None:
    """Refuse a model whose own answers cannot be judged."""
    for k, exit in enumerate(exits):
        if not np.isfinite(exit["logits"]).all():
            raise ExportError(
                f"exit {k} of {type(scored.model).__name__} itself answers {source} inputs with NaN or infinite "
                f"logits; see that its weights are finite, and {_ONLY_REAL}"
            )
        low, high = float(exit["score"].min()), float(exit["score"].max())
        if scored.score is None and not _beyond(exit["score"]) <= ROUNDING:
            raise ExportError(
                f"exit {k} has scores from {low:.3g} to {high:.3g} of its own; return them in [0, 1], "
                "such as the sigmoid of a confidence"
            )


def _beyond(scores: NDArray[Any]) -> float:
    """How far scores are outside [0, 1]; NaN where one of them is."""
    return float(np.maximum(-scores, scores - 1).clip(min=0).max())


def _notice_rounding(seen: Sequence[_Exit]) -> None:
    """Warn of scores of the model's own that rounding took out of [0, 1]."""
    found = [k for k, exit in enumerate(seen) if exit.beyond > 0]
    if found:
        most = max(seen[k].beyond for k in found)
        warnings.warn(
            f"exits {', '.join(map(str, found))} have scores of their own up to {most:.1g} outside [0, 1], as rounding "
            "gives them; they are taken as they are, and at tau = 1 nobody leaves early all the same",
            ExportWarning,
            stacklevel=4,
        )


def _require(seen: Sequence[_Exit], tolerance: float) -> None:
    for k, exit in enumerate(seen):
        allowed = tolerance * exit.scale
        if not exit.error <= allowed:
            raise ExportError(
                f"exit {k} of the exported segments is off by {exit.error:.2g}, more than the {allowed:.2g} allowed; "
                "see that the model has no randomness in eval mode and that its activations do not grow from block to "
                f"block, as they may in an untrained one, or allow more with tolerance, now {tolerance:g}"
            )
        if exit.moved > FEW * exit.rows:
            raise ExportError(
                f"exit {k} of the exported segments judges {exit.moved} of {exit.rows} rows otherwise than torch does, "
                f"by more than {10 * tolerance:.2g}; see how the model makes its scores, and report it"
            )


def _notice_probabilities(seen: Sequence[_Exit]) -> None:
    """Warn where softmax or sigmoid was applied already: it would be applied again, and no score get near 1."""
    found = [k for k, exit in enumerate(seen) if exit.high > exit.low and exit.low >= 0 and exit.high <= 1]
    if not found:
        return
    ones = all(abs(total - 1) < ONES for k in found for total in seen[k].sums)
    applied = "softmax" if ones else "sigmoid"
    warnings.warn(
        f"exits {', '.join(map(str, found))} return numbers in [0, 1]{' that sum to one' if ones else ''}, as "
        f"{applied} gives them; return the logits, from before the {applied}: scores are made of those",
        ExportWarning,
        stacklevel=4,
    )
