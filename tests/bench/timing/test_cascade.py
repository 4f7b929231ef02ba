from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer.bench.timing.cascade import CascadeCalls, forced, leaves_at
from eeinfer.preprocess import prepare
from eeinfer.rule import exits_at


@pytest.mark.parametrize("exit", [0, 1, 2])
def test_forced_thresholds_make_every_row_leave_there(exit: int, tiny_engine: eeinfer.Engine, digits: Any) -> None:
    images = prepare(digits[0], tiny_engine.manifest.input)
    name = tiny_engine.manifest.input.tensor.name
    batches = [{name: images[:1]}, {name: images[1:2]}]
    cascade = CascadeCalls(tiny_engine, batches)
    call = cascade.at("forced", forced(exit, 3))
    call(0)
    call(1)
    assert [left.tolist() for left in cascade.left["forced"]] == [[exit], [exit]]


def test_rows_that_score_nothing_at_an_exit_cannot_be_made_to_leave_there() -> None:
    scores = np.array([[0.5, 0.0, 1.0], [1.0, 1.0, 0.0], [0.2, np.nan, 0.5]], np.float32)
    for exit in range(3):
        can = leaves_at(scores, exit)
        assert (exits_at(scores, forced(exit, 3)) == exit)[can].all()
    assert leaves_at(scores, 1).tolist() == [False, True, False]
    assert leaves_at(scores, 2).all()
