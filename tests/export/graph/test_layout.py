"""What does not have the batch first is carried all the same, by way of a transpose or a reshape; views not at all."""

from pathlib import Path

import layout_networks
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from eeinfer.errors import ExportError
from eeinfer.export.graph.cut import SegmentGraph, cut
from eeinfer.export.graph.index import tensor_spec
from eeinfer.export.graph.trace import ScoredExits, export_graph
from eeinfer.export.model.inputs import read_inputs


def graph_of(network: nn.Module, folder: Path) -> onnx.ModelProto:
    example = torch.zeros(1, *network.shape)  # type: ignore[operator]  # a class attribute of ours
    return export_graph(ScoredExits(network, "max_softmax").eval(), read_inputs(network, example), folder)


def segments(network: nn.Module, folder: Path) -> list[SegmentGraph]:
    parts = cut(graph_of(network, folder), 2)
    for k, part in enumerate(parts):
        onnx.save(part.model, folder / f"segment_{k:02d}.onnx")
        onnx.checker.check_model(folder / f"segment_{k:02d}.onnx")
    return parts


@pytest.mark.parametrize("name", layout_networks.NETWORKS)
def test_rows_can_be_taken_out_between_segments_whatever_the_layout(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = layout_networks.NETWORKS[name]().eval()
    first, last = segments(network, tmp_path)
    assert tuple(tensor_spec(value).shape for value in first.model.graph.output[3:]) == network.carried
    assert all(tensor_spec(value).shape in (*network.carried, network.shape) for value in last.model.graph.input)
    x = torch.randn(6, *network.shape, generator=torch.Generator().manual_seed(1))
    sessions = [ort.InferenceSession(tmp_path / f"segment_{k:02d}.onnx") for k in range(2)]
    names = [value.name for value in sessions[0].get_outputs()]
    live = {"input": x.numpy(), **dict(zip(names, sessions[0].run(names, {"input": x.numpy()}), strict=True))}
    stay = [0, 2, 5]
    [found] = sessions[1].run(["logits"], {value.name: live[value.name][stay] for value in sessions[1].get_inputs()})
    with torch.no_grad():
        early, late = network(x)
    np.testing.assert_allclose(live["logits"], early, atol=1e-5)
    np.testing.assert_allclose(found, late[stay], atol=1e-5)


def test_a_tensor_of_pairs_of_rows_is_refused_by_name_and_module(tmp_path: Path) -> None:
    network = layout_networks.AcrossRows().eval()
    message = (
        r"of shape \['batch', 'batch'\] from module .* crosses a cut, .* which numbers belong to a row, .* a MatMul"
    )
    with pytest.raises(ExportError, match=message):
        cut(graph_of(network, tmp_path), 2)


def test_frames_that_were_rolled_along_the_batch_are_refused(tmp_path: Path) -> None:
    """The carried tensor would have rows that hold frames of others."""
    network = layout_networks.Rolled(time_first=False).eval()
    with pytest.raises(ExportError, match=r"from module 'maps.1' crosses a cut, .* would repeat a Conv"):
        cut(graph_of(network, tmp_path), 2)


class Words(nn.Module):
    """Ids and a mask of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True) for _ in range(2))
        self.heads = layout_networks.heads(2, 8)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        x, logits = self.table(ids), []
        for layer, head in zip(self.layers, self.heads, strict=True):
            x = layer(x * mask[:, :, None])
            logits.append(head(x.mean(1)))
        return logits


def test_a_carried_tensor_may_have_a_dynamic_axis(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Words().eval()
    example = {"ids": torch.zeros(1, 7, dtype=torch.int64), "mask": torch.ones(1, 7)}
    dynamic = {name: {1: ("length", 2, 64)} for name in example}
    inputs = read_inputs(network, example, dynamic)
    parts = cut(export_graph(ScoredExits(network, "max_softmax", inputs).eval(), inputs, tmp_path), 2)
    assert [tensor_spec(value).shape for value in parts[0].model.graph.output[3:]] == [("length", 8)]
    for k, part in enumerate(parts):
        onnx.save(part.model, tmp_path / f"segment_{k:02d}.onnx")
    sessions = [ort.InferenceSession(tmp_path / f"segment_{k:02d}.onnx") for k in range(2)]
    for length in (3, 9):
        ids, mask = torch.randint(0, 20, (4, length)), torch.randint(0, 2, (4, length)).float()
        live = {"ids": ids.numpy(), "mask": mask.numpy()}
        for session in sessions:
            names = [value.name for value in session.get_outputs()]
            found = session.run(names, {value.name: live[value.name] for value in session.get_inputs()})
            live |= dict(zip(names, found, strict=True))
        with torch.no_grad():
            np.testing.assert_allclose(live["logits"], network(ids, mask)[1], atol=1e-5)
