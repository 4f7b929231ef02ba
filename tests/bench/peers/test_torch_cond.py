from pathlib import Path

import numpy as np
import pytest
import torch
from exit_networks import MODELS, build

from eeinfer.bench.peers.kinds.torch_cond import Cond, nested
from eeinfer.bench.peers.kinds.torch_segments import ANSWERS, FILE, segments
from eeinfer.bench.workers.base import Setup, Unavailable, Workload
from eeinfer.export.graph.trace import ScoredExits
from eeinfer.rule import leaves


@pytest.mark.parametrize("name", MODELS)
def test_it_leaves_where_segments_one_after_another_do(name: str) -> None:
    torch.compiler.reset()
    network, shape = (
        ScoredExits(build(name), "own" if name == "patience" else "max_softmax").eval(),
        MODELS[name]().shape,
    )
    parts = list(segments(network, torch.zeros(2, *shape), answers=range(ANSWERS)))
    cascade = torch.compile(nested(list(parts)), backend="eager", fullgraph=True)
    seen = set()
    with torch.inference_mode():
        for image in torch.randn(3, 1, *shape):
            found = network(image)
            scores = [found[k].item() for k in range(1, len(found), ANSWERS)]
            for taus in ([0.0] * len(parts), [1.0] * len(parts), *([s - 1e-3 for s in scores], scores)):
                limits = torch.tensor(taus)
                ends = [k for k, s in enumerate(scores[:-1]) if leaves(torch.tensor(s), limits[k])]
                k = ends[0] if ends else len(parts) - 1
                assert cascade(limits, image).tolist() == [k, found[ANSWERS * k + 2].item()]
                seen.add(k)
    assert len(seen) > 1


def test_the_peer_compiles_and_answers_on_a_processor_too(tmp_path: Path) -> None:
    network, shape = ScoredExits(build("residual"), "max_softmax").eval(), MODELS["residual"]().shape
    parts = list(segments(network, torch.zeros(2, *shape), answers=range(ANSWERS)))
    setup = setup_of(tmp_path, batch=1)
    Cond.folder(setup).mkdir()
    torch.save(parts, Cond.folder(setup) / FILE)
    peer, images = Cond(setup), torch.randn(3, 1, *shape)
    for taus, exit in (((0.0,) * len(parts), 0), ((1.0,) * len(parts), len(parts) - 1)):
        call = peer.plan(Workload(name="all", taus=taus, exits=()), np.arange(1))
        for image in images:
            with torch.inference_mode():
                wanted = network(image)[ANSWERS * exit + 2]
            exits, predictions = peer.answers(call(image.numpy()))
            assert (exits.tolist(), predictions.tolist()) == ([exit], wanted.tolist())


def test_batches_are_refused_before_anything_is_traced(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="a batch would leave as a whole: --batch 1"):
        Cond.prepare(setup_of(tmp_path, batch=8))


def setup_of(folder: Path, *, batch: int) -> Setup:
    return Setup(bundle="", checkpoint=None, folder=str(folder), images="", batch=batch, threads=1, threads_asked=None)
