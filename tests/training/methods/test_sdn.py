from pathlib import Path

import pytest
import small_methods
import torch
from method_networks import features, heads

from eeinfer.errors import ConfigError
from eeinfer.training import MethodConfig
from eeinfer.training.methods import method_class
from eeinfer.training.methods.sdn import most_confident

OPTIONS = {"most_confident": True}


def test_most_confident_takes_each_row_from_the_surest_exit() -> None:
    first = torch.tensor([[3.0, 0.0], [0.0, 0.1], [1.0, 0.0]])
    second = torch.tensor([[0.0, 2.0], [4.0, 0.0], [0.0, 1.0]])
    third = torch.tensor([[1.0, 0.0], [0.0, 3.0], [0.9, 0.0]])
    # Row 2: two exits are equally sure, and the first of them stays.
    assert torch.equal(most_confident([first, second, third]), torch.stack([first[0], second[1], first[2]]))


def test_the_last_exit_alone_answers_for_all_and_only_in_use() -> None:
    method = heads("sdn", OPTIONS)
    taps, final = features(rows=64)
    alone = method.train()(taps, final)
    assert torch.equal(alone[-1], final)  # training is towards what each exit says for itself
    *early, last = method.eval()(taps, final)
    for answer, wanted in zip(early, alone, strict=False):
        assert torch.equal(answer, wanted)
    probabilities = torch.stack([torch.softmax(logits, 1) for logits in alone], 1)
    surest = probabilities.amax(2).argmax(1)
    assert set(surest.tolist()) == {0, 1, 2, 3}
    torch.testing.assert_close(torch.softmax(last, 1), probabilities[torch.arange(64), surest])


def test_without_the_option_the_last_exit_answers_for_itself() -> None:
    taps, final = features()
    assert torch.equal(heads("sdn").eval()(taps, final)[-1], final)


def test_a_score_of_another_kind_can_be_chosen_where_the_method_has_none_of_its_own(tmp_path: Path) -> None:
    assert small_methods.network("sdn").score == "max_softmax"
    assert small_methods.check(small_methods.network("sdn", score="margin"), tmp_path).manifest.score == "margin"
    with pytest.raises(ConfigError, match="method pabee judges its exits itself; score is 'margin'"):
        method_class(MethodConfig(name="pabee", score="margin"))
    with pytest.raises(ConfigError, match="unknown score 'confidence': known are method, max_softmax"):
        MethodConfig(score="confidence")


def test_bundle_with_the_fallback_agrees_with_torch(tmp_path: Path) -> None:
    bundle = small_methods.check(small_methods.network("sdn", OPTIONS), tmp_path)
    assert [tensor.shape for tensor in bundle.manifest.segments[1].carried].count((5,)) == 1
