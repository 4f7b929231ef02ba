from pathlib import Path

import numpy as np
import pytest
import torch
from exit_networks import MODELS, build

import eeinfer
from eeinfer.bench.peers.kinds.one_exit import write_one_exit
from eeinfer.bundle.folder import Bundle
from eeinfer.export import export_bundle


@pytest.mark.parametrize("name", ["residual", "stateful"])
def test_a_part_answers_as_its_exit_does(name: str, tmp_path: Path) -> None:
    shape = MODELS[name]().shape
    bundle = Bundle.open(export_bundle(build(name), torch.zeros(1, *shape), tmp_path / "whole.eeb"))
    images = np.random.default_rng(0).standard_normal((6, *shape)).astype(np.float32)
    with eeinfer.load(bundle.path, threads=1) as engine:
        expected = engine.all_exits(images)
    for exit in range(len(bundle.manifest.segments)):
        part = write_one_exit(bundle, exit, tmp_path / f"{exit}.eeb")
        with eeinfer.load(part.path, threads=1) as alone:
            found = alone(images)
        np.testing.assert_array_equal(found.predictions, expected.predictions[:, exit])
        np.testing.assert_allclose(found.scores, expected.scores[:, exit], atol=1e-6)
