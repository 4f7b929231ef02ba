"""What a model with exits returns: logits [B, K] per exit and, where it judges its exits itself, scores [B]."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from eeinfer.errors import ExportError

_WANTED = "return a list with one [batch, classes] tensor per exit, or a mapping with 'logits' and 'scores'"


def split_outputs(outputs: Any) -> tuple[Sequence[Tensor], Sequence[Tensor] | None]:
    """Read the logits of every exit, and its own scores where there are some; None where there are none.

    Mappings and objects such as data classes are read by the names ``logits`` and ``scores``.

    Raises:
        ExportError: the outputs are neither a sequence of tensors nor something with ``logits``.
    """
    if isinstance(outputs, Mapping) and "logits" in outputs:
        logits, scores = outputs["logits"], outputs.get("scores")
    elif hasattr(outputs, "logits"):
        logits, scores = outputs.logits, getattr(outputs, "scores", None)
    else:
        logits, scores = outputs, None
    if not _are_tensors(logits):
        what = type(outputs).__name__ if logits is outputs else f"{type(logits).__name__} as 'logits'"
        raise ExportError(f"the model returns {what}; {_WANTED}")
    if scores is not None and not _are_tensors(scores):
        raise ExportError(f"the model returns {type(scores).__name__} as 'scores'; {_WANTED}")
    return logits, scores


def _are_tensors(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(entry, Tensor) for entry in value)


def as_pairs(logits: Sequence[Tensor]) -> list[Tensor]:
    """Turn exits of one logit z into two classes with the logits 0 and z: softmax gives the sigmoid of z."""
    return [torch.cat([torch.zeros_like(z), z], dim=1) if z.ndim == 2 and z.shape[1] == 1 else z for z in logits]


def check_exits(logits: Sequence[Tensor], scores: Sequence[Tensor] | None) -> None:
    """Refuse logits and scores of a shape that no exit has; how many rows they have is not looked at.

    Raises:
        ExportError: naming the exit.
    """
    if scores is not None and len(scores) != len(logits):
        raise ExportError(f"the model returns {len(logits)} logits but {len(scores)} scores; return one score per exit")
    classes = logits[-1].shape[-1] if logits[-1].ndim else 0
    for k, exit in enumerate(logits):
        if exit.ndim != 2 or exit.shape[1] != classes or not classes:
            raise ExportError(
                f"exit {k} returns logits of shape {tuple(exit.shape)}; every exit must return [batch, classes], "
                "with as many classes as the last one"
            )
        if not exit.is_floating_point():
            raise ExportError(f"exit {k} returns logits in {exit.dtype}; return floating-point numbers")
    for k, score in enumerate(scores or ()):
        if score.ndim != 1:
            raise ExportError(f"exit {k} returns a score of shape {tuple(score.shape)}; return [batch]")
