from pathlib import Path

import numpy as np
import pytest
import small_methods
import torch
from hypothesis import given
from hypothesis import strategies as st
from method_networks import features, heads

from eeinfer.errors import ConfigError
from eeinfer.training.methods import resolve_weights
from eeinfer.training.methods.pabee import agreement, patience_tau


def original_exit(predictions: list[int], patience: int) -> int:
    """The authors' loop: a counter of agreements, compared for equality; 0 runs the full model."""
    counter, before = 0, None
    for k, prediction in enumerate(predictions):
        counter = counter + 1 if prediction == before else 0
        before = prediction
        if patience > 0 and counter == patience:
            return k
    return len(predictions) - 1


def benchmark_exit(predictions: list[int], patience: int) -> int:
    """The benchmark's loop: a run length from 1, to be exceeded."""
    count, before = 1, None
    for k, prediction in enumerate(predictions):
        count = count + 1 if prediction == before else 1
        before = prediction
        if count > patience:
            return k
    return len(predictions) - 1


LOOPS = {"original": original_exit, "benchmark": benchmark_exit}


def cascade_exit(predictions: list[int], tau: float) -> int:
    logits = [torch.eye(3)[[prediction]] for prediction in predictions]
    scores = np.array([float(score) for score in agreement(logits)], np.float32)
    early = np.flatnonzero(scores[:-1] > np.float32(tau))
    return int(early[0]) if len(early) else len(predictions) - 1


@pytest.mark.parametrize(
    ("predictions", "original", "benchmark"),  # exits for patience 0, 1, 2, 3
    [
        ([0, 0, 0, 0], [3, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 1, 1, 1], [3, 2, 3, 3], [0, 2, 3, 3]),
        ([0, 0, 1, 1], [3, 1, 3, 3], [0, 1, 3, 3]),
        ([0, 1, 2, 0], [3, 3, 3, 3], [0, 3, 3, 3]),
    ],
)
def test_table_of_both_conventions(predictions: list[int], original: list[int], benchmark: list[int]) -> None:
    for convention, wanted in (("original", original), ("benchmark", benchmark)):
        for patience, exit in enumerate(wanted):
            assert LOOPS[convention](predictions, patience) == exit
            assert cascade_exit(predictions, patience_tau(patience, 4, convention)) == exit


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 13), st.sampled_from(["original", "benchmark"])
)
def test_the_threshold_leaves_where_the_authors_loop_does(
    predictions: list[int], patience: int, convention: str
) -> None:
    tau = patience_tau(patience, len(predictions), convention)
    assert cascade_exit(predictions, tau) == LOOPS[convention](predictions, patience)


@pytest.mark.parametrize("num_exits", [1, 2, 5, 12])
def test_the_operating_points_go_from_the_first_exit_to_the_last(num_exits: int) -> None:
    taus = [patience_tau(patience, num_exits, "benchmark") for patience in range(num_exits)]
    exits = [cascade_exit([0] * num_exits, tau) for tau in taus]
    assert exits == list(range(num_exits))
    assert all(0 <= tau <= 1 for tau in taus)


def test_the_score_is_the_run_of_agreeing_exits() -> None:
    taps, final = features(rows=32)
    outputs = heads("pabee")(taps, final)
    predictions = [logits.argmax(1).tolist() for logits in outputs["logits"]]
    for k, scores in enumerate(outputs["scores"]):
        for row, score in enumerate(scores.tolist()):
            run = 1
            while run <= k and predictions[k - run][row] == predictions[k][row]:
                run += 1
            assert score == pytest.approx(run / 4)


def test_later_exits_weigh_more_in_the_loss() -> None:
    method = heads("pabee")
    outputs, targets = method(*features()), torch.tensor([0, 1, 2, 3])
    weights = resolve_weights(method.loss_weights, 4)
    losses = [torch.nn.functional.cross_entropy(logits, targets) for logits in outputs["logits"]]
    wanted = sum(j * loss for j, loss in enumerate(losses, start=1)) / 10
    torch.testing.assert_close(method.loss(outputs, targets, weights, 0.0), wanted)


def test_patience_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown patience convention 'paper': known are original, benchmark"):
        patience_tau(1, 4, "paper")
    with pytest.raises(ConfigError, match="patience is -1; give a whole number from 0"):
        patience_tau(-1, 4)


def test_bundle_agrees_with_torch_and_carries_the_run(tmp_path: Path) -> None:
    built = small_methods.network("pabee", exits=(0, 1, 2))
    bundle = small_methods.check(built, tmp_path)
    assert () in [tensor.shape for tensor in bundle.manifest.segments[1].carried]  # one run length per row
