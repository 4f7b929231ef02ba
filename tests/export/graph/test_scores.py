import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.errors import ConfigError
from eeinfer.export.graph.scores import SCORES, score_function

logits = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=8)


@pytest.mark.parametrize("name", SCORES)
@given(row=logits)
def test_a_score_is_one_float32_in_the_unit_interval_per_row(name: str, row: list[float]) -> None:
    score = SCORES[name](torch.tensor([row, row]))
    assert score.shape == (2,)
    assert score.dtype == torch.float32
    assert -1e-6 <= float(score[0]) <= 1 + 1e-6


@pytest.mark.parametrize("name", SCORES)
def test_a_surer_row_scores_higher(name: str) -> None:
    unsure, surer = SCORES[name](torch.tensor([[0.1, 0.0, 0.0], [5.0, 0.0, 0.0]]))
    assert unsure < surer


def test_values_by_hand() -> None:
    row = torch.tensor([[math.log(0.7), math.log(0.2), math.log(0.1)]])
    entropy = -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1))
    assert float(SCORES["max_softmax"](row)) == pytest.approx(0.7)
    assert float(SCORES["margin"](row)) == pytest.approx(0.5)
    assert float(SCORES["entropy"](row)) == pytest.approx(1 - entropy / math.log(3))


def test_unknown_score_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'confidence' is not known; choose one of max_softmax, margin, entropy"):
        score_function("confidence")
