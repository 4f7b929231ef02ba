"""What the comparison notices beside wrong numbers; torch's own answers stand for the segments'."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eeinfer.bundle.manifest import Parity
from eeinfer.errors import ExportError, ExportWarning
from eeinfer.export.graph.trace import ScoredExits
from eeinfer.export.model.draws import Draws
from eeinfer.export.model.inputs import read_inputs
from eeinfer.export.verify import BATCH_SIZES, verify


class Exits(nn.Module):
    """Two linear exits, and what `change` makes of them."""

    def __init__(self, change: Any = lambda exits: exits, classes: int = 3) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.heads = nn.ModuleList(nn.Linear(4, classes) for _ in range(2))
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change([head(x) for head in self.heads])


class Itself:
    """A chain of segments that answers as torch does."""

    def __init__(self, scored: ScoredExits, change: Any = lambda score: score) -> None:
        self.scored, self.change = scored, change

    def __call__(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        with torch.no_grad():
            outputs = self.scored(*(torch.from_numpy(array.copy()) for array in batch.values()))
        found = [tensor.numpy() for tensor in outputs]
        found[1::3] = [self.change(score) for score in found[1::3]]
        return [
            dict(zip(("logits", "score", "prediction"), found[i : i + 3], strict=True)) for i in range(0, len(found), 3)
        ]


def verified(
    model: nn.Module,
    scores: str = "max_softmax",
    real: Any = None,
    random: bool = True,
    judged: Any = lambda score: score,
) -> Parity:
    inputs = read_inputs(model, torch.zeros(1, 4))
    scored = ScoredExits(model, scores, inputs).eval()
    draws = Draws(inputs=inputs, real=None if real is None else inputs.rows(real), random=random)
    return verify(scored, Itself(scored, judged), draws, tolerance=1e-4)  # type: ignore[arg-type]  # stands for a chain


def own(change: Any) -> Exits:
    return Exits(lambda exits: {"logits": exits, "scores": [change(z[:, 0]) for z in exits]})


def test_the_report_says_what_was_compared() -> None:
    parity = verified(Exits())
    assert parity.batch_sizes == BATCH_SIZES == (1, 2, 7, 11, 19)
    assert parity.inputs == ("random",)
    assert [exit.max_abs_error for exit in parity.exits] == [0, 0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda exits: [z.softmax(1) for z in exits], "exits 0, 1 .* that sum to one, as softmax gives"),
        (lambda exits: [z.sigmoid() for z in exits], r"exits 0, 1 return numbers in \[0, 1\], as sigmoid gives"),
        (lambda exits: [exits[0], exits[1].softmax(1)], "exits 1 return"),
    ],
)
def test_probabilities_in_the_place_of_logits_are_noticed(change: Any, word: str) -> None:
    with pytest.warns(ExportWarning, match=word):
        verified(Exits(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda exits: exits,
        lambda exits: [z.log_softmax(1) for z in exits],
        lambda exits: [torch.zeros_like(z) for z in exits],
    ],
)
def test_logits_are_not_taken_for_probabilities(change: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verified(Exits(change))


def test_a_sigmoid_in_the_place_of_one_logit_is_noticed() -> None:
    with pytest.warns(ExportWarning, match="as sigmoid gives them; return the logits"):
        verified(Exits(lambda exits: [z.sigmoid() for z in exits], classes=1))


@pytest.mark.parametrize("change", [lambda z: z, lambda z: z.sigmoid() + 0.6, lambda z: -z.sigmoid()])
def test_own_scores_outside_0_to_1_are_refused(change: Any) -> None:
    with pytest.raises(ExportError, match=r"exit 0 has scores from .* of its own; return them in \[0, 1\]"):
        verified(own(change), "own")


def test_own_scores_from_0_to_1_are_taken() -> None:
    verified(own(torch.sigmoid), "own")


@pytest.mark.parametrize("beyond", [-1e-6, 1.2e-7, 1e-6])
def test_own_scores_that_rounding_took_out_of_0_to_1_are_taken_with_a_word(beyond: float) -> None:
    edge = 0.0 if beyond < 0 else 1.0
    with pytest.warns(ExportWarning, match=r"exits 0, 1 have scores of their own up to .*e-0[67] outside \[0, 1\]"):
        verified(own(lambda x: torch.full_like(x, edge + beyond * 0.95)), "own")


@pytest.mark.parametrize("score", [-3e-6, 1.000003])
def test_more_than_rounding_is_refused(score: float) -> None:
    with pytest.raises(ExportError, match=r"of its own; return them in \[0, 1\]"):
        verified(own(lambda x: torch.full_like(x, score)), "own")


def test_own_scores_and_the_scores_asked_for_must_be_the_same() -> None:
    with pytest.raises(ExportError, match="scores='max_softmax' was asked for; ask for scores='own'"):
        verified(own(torch.sigmoid))
    with pytest.raises(ExportError, match="scores='own' needs a model that returns"):
        verified(Exits(), "own")


def test_scores_other_than_torch_gives_are_refused_though_the_logits_agree() -> None:
    with pytest.raises(ExportError, match=r"exit 0 of the exported segments judges 1 of 1 rows otherwise than torch"):
        verified(Exits(), judged=lambda score: score * 0.99)


def logarithms(exits: list[Tensor]) -> list[Tensor]:
    return [torch.log1p(z) for z in exits]


def test_a_restricted_domain_is_served_by_real_inputs_alone() -> None:
    model = Exits(logarithms)
    for head in model.heads:
        nn.init.constant_(head.weight, 1)
    with pytest.raises(ExportError, match=r"exit 0 of Exits itself answers random .* random_inputs=False"):
        verified(model)
    parity = verified(model, real=np.ones((30, 4)), random=False)
    assert parity.inputs == ("real",)


def test_a_model_that_fails_on_some_batch_is_refused_with_its_own_reason() -> None:
    def only_few(exits: list[Tensor]) -> list[Tensor]:
        if len(exits[0]) > 10:
            raise ValueError("too many rows")
        return exits

    with pytest.raises(ExportError, match=r"Exits does not run on 11 random rows, float32 \[11, 4\] .*too many rows"):
        verified(Exits(only_few))


def test_a_model_may_write_into_its_input() -> None:
    class Writing(Exits):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x.add_(1))

    verified(Writing())
