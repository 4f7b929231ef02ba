"""What models return, in all the forms in which they do."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from eeinfer.errors import ExportError
from eeinfer.export.model.outputs import as_pairs, check_exits, split_outputs

LOGITS = [torch.zeros(2, 5), torch.ones(2, 5)]
SCORES = [torch.zeros(2), torch.ones(2)]


@dataclass
class Output:
    logits: list[torch.Tensor]
    scores: list[torch.Tensor] | None = None


Named = namedtuple("Named", ["logits", "scores"])


@pytest.mark.parametrize(
    ("outputs", "scores"),
    [
        (LOGITS, None),
        (tuple(LOGITS), None),
        ({"logits": LOGITS}, None),
        ({"logits": LOGITS, "scores": SCORES}, SCORES),
        (OrderedDict(logits=tuple(LOGITS), loss=None), None),
        (Output(LOGITS), None),
        (Output(LOGITS, SCORES), SCORES),
        (Named(LOGITS, SCORES), SCORES),
    ],
)
def test_logits_and_scores_are_read_from_lists_mappings_and_objects(outputs: Any, scores: Any) -> None:
    logits, found = split_outputs(outputs)
    assert [*logits] == LOGITS
    assert found is scores


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (LOGITS[0], "returns Tensor; return a list"),
        ([], "returns list; return a list"),
        ((logits for logits in LOGITS), "returns generator; return a list"),
        (None, "returns NoneType"),
        ([LOGITS, SCORES], "returns list"),
        ({"logits": torch.stack(LOGITS)}, "returns Tensor as 'logits'"),
        ({"logits": LOGITS, "scores": torch.zeros(2)}, "returns Tensor as 'scores'"),
        ({"exits": LOGITS}, "returns dict"),
    ],
)
def test_other_outputs_are_refused_by_their_type(outputs: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        split_outputs(outputs)


@pytest.mark.parametrize(
    ("logits", "scores", "message"),
    [
        ([torch.zeros(2, 5), torch.zeros(2, 4)], None, r"exit 0 returns logits of shape \(2, 5\)"),
        ([torch.zeros(2)], None, r"exit 0 returns logits of shape \(2,\)"),
        ([torch.tensor(1.0)], None, r"shape \(\)"),
        ([torch.zeros(2, 0)], None, r"shape \(2, 0\)"),
        ([torch.zeros(2, 5, dtype=torch.int64)], None, "in torch.int64; return floating-point"),
        (LOGITS, SCORES[:1], "2 logits but 1 scores"),
        (LOGITS, [SCORES[0], torch.zeros(2, 1)], r"exit 1 returns a score of shape \(2, 1\)"),
    ],
)
def test_shapes_that_no_exit_has_are_refused(logits: Any, scores: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        check_exits(logits, scores)


def test_one_logit_becomes_two_classes_whose_softmax_is_its_sigmoid() -> None:
    z = torch.tensor([[-2.0], [0.5]])
    (pair,) = as_pairs([z])
    torch.testing.assert_close(pair.softmax(1)[:, 1:], z.sigmoid())
    assert as_pairs(LOGITS) == LOGITS
