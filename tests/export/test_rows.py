"""Every way in which one row of a batch can reach another is found, on a chain that mixes rows in that way."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eeinfer.errors import ExportError
from eeinfer.export.rows import require_own_rows

Array = NDArray[Any]
SIZES = (1, 2, 7, 11, 19)


class Mixed:
    """Two segments; the second one's numbers are mixed over the rows."""

    segments = (SimpleNamespace(module="first"), SimpleNamespace(module="second"))

    def __init__(self, mix: Callable[[Array], Array], kind: str = "logits") -> None:
        self.mix, self.kind = mix, kind

    def values(self, batch: dict[str, Array]) -> list[dict[str, Array]]:
        x = batch["input"]
        plain, mixed = {"logits": x, "score": x[:, 0]}, {"logits": x, "score": x[:, 0]}
        mixed[self.kind] = self.mix(mixed[self.kind])
        return [{**plain, "carried_00": self.mix(x)}, mixed]

    def __call__(self, batch: dict[str, Array]) -> list[dict[str, Array]]:
        return [{name: made[name] for name in ("logits", "score")} for made in self.values(batch)]


def check(mixed: Mixed) -> None:
    for size in SIZES:
        batch = {"input": np.random.default_rng(size).standard_normal((size, 3))}
        require_own_rows(mixed, batch, mixed(batch), 1e-4)  # type: ignore[arg-type]  # stands for a chain


def from_row(start: int) -> Callable[[Array], Array]:
    """Only rows behind the first `start` see another one."""
    return lambda x: np.concatenate([x[:start], x[start:] + x[:1]]) if len(x) > start else x


@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x - x.mean(0),
        lambda x: x - x[-1:],  # the last row alone is what it is anywhere
        lambda x: x + x[::-1],
        lambda x: x.cumsum(0),
        lambda x: x[::-1].cumsum(0)[::-1],
        lambda x: x + np.roll(x, 1, 0),
        lambda x: x + np.roll(x, 8, 0),
        lambda x: np.sort(x, 0),
        lambda x: x * len(x),
        lambda x: x / np.maximum(1, len(x) - 8),
        from_row(8),
        from_row(10),
    ],
)
@pytest.mark.parametrize("kind", ["logits", "score"])
def test_rows_that_influence_each_other_are_refused(mix: Callable[[Array], Array], kind: str) -> None:
    with pytest.raises(ExportError, match=r"exit 1 answers a row differently .*'carried_00' of the segment that"):
        check(Mixed(mix, kind))


@pytest.mark.parametrize("mix", [lambda x: x, np.tanh, lambda x: x - x.mean(-1, keepdims=True) if x.ndim > 1 else x])
def test_rows_that_keep_to_themselves_pass(mix: Callable[[Array], Array]) -> None:
    check(Mixed(mix))
