"""The table of what rows cost, of inputs whose rows differ in length."""

from pathlib import Path

import numpy as np
import small_bundles
from bundle_parts import write_parts
from onnx import helper
from small_bundles import spec

from eeinfer.bench.tune import TuneConfig, tune
from eeinfer.bundle.manifest import Axis, Input

QUICK = TuneConfig(rounds=1, turn_seconds=0.01, sizes=(1, 2), passes=1)


def write_lengths(folder: Path) -> Path:
    """One exit over the mean of a row's vectors, of which there are 2 to 12."""
    node = helper.make_node
    mean = node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0)
    nodes = [mean, node("MatMul", ["mean", "head"], ["own"]), *small_bundles._exit(0, "own")]
    rows = spec("x", "length", 4)
    weights = {"head": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)}
    axes = {"length": Axis(min=2, max=12)}
    return write_parts(folder, "lengths", (Input(tensor=rows),), [(nodes, [rows], [])], weights, 3, axes=axes)


def test_rows_are_as_long_as_those_that_are_given_and_one_exit_is_enough(tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(1, 5, 4)).astype(np.float32)
    found = tune(write_lengths(tmp_path / "lengths.eeb"), QUICK, lambda *_: None, images=images)
    assert {profile.sizes for profile in found.profiles.values()} == {(1, 2)}
    assert found.choice.pick().taken
