"""Every small network with exits, traced and cut once for all the tests that look at the result."""

from pathlib import Path

import exit_networks
import onnx
import pytest
import torch
from exit_networks import Exported

from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.trace import ScoredExits, export_graph
from eeinfer.export.model.inputs import read_inputs


def export(name: str, folder: Path) -> Exported:
    network = exit_networks.build(name)
    scored = ScoredExits(network, "own" if name == "patience" else "max_softmax").eval()
    model = export_graph(scored, read_inputs(network, torch.zeros(1, *network.shape)), folder)
    segments = cut(model, len(model.graph.output) // 3)
    for k, segment in enumerate(segments):
        onnx.save(segment.model, folder / f"segment_{k:02d}.onnx")
    return Exported(network, scored, folder, model, segments)


@pytest.fixture(scope="session", params=list(exit_networks.MODELS))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(request.param, tmp_path_factory.mktemp(request.param))
