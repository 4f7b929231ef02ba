"""Exits that a model stacks: seen through where they come apart again, refused by the node's name where not."""

from collections.abc import Callable, Sequence
from pathlib import Path

import exit_networks
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from exit_networks import CLASSES, Joined
from torch import Tensor

from eeinfer.bundle.manifest import MODEL_NAME
from eeinfer.errors import ExportError
from eeinfer.export import export_bundle
from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.order import check_order
from eeinfer.export.graph.trace import ScoredExits, export_graph
from eeinfer.export.model.inputs import read_inputs
from eeinfer.training.flops import cumulative_flops

EXAMPLE = torch.zeros(1, *Joined.shape)
APART: dict[str, Callable[[list[Tensor]], Sequence[Tensor]]] = {
    "stack [E, B, K]": lambda exits: list(torch.stack(exits)),
    "stack [B, E, K]": lambda exits: torch.stack(exits, 1).unbind(1),
    "stack [B, K, E]": lambda exits: torch.stack(exits, 2).unbind(2),
    "indices": lambda exits: [torch.stack(exits, 1)[:, k] for k in range(2)],
    "indices from the end": lambda exits: [torch.stack(exits)[k - 2] for k in range(2)],
    "turned": lambda exits: list(torch.stack(exits, 1).transpose(0, 1)),
    "permuted": lambda exits: torch.stack(exits).permute(1, 0, 2).unbind(1),
    "chunks": lambda exits: torch.cat(exits, 1).chunk(2, 1),
    "split": lambda exits: torch.cat(exits, 1).split([CLASSES] * 2, 1),
    "slices": lambda exits: [torch.cat(exits, 1)[:, k * CLASSES : (k + 1) * CLASSES] for k in range(2)],
    "stacked twice": lambda exits: list(torch.stack(list(torch.stack(exits)))),
}


class EveryWay(exit_networks.Residual):
    """Two exits for each way of stacking, with their own pair stacked that way; or none stacked."""

    def __init__(self, *, stacked: bool) -> None:
        super().__init__(2 * len(APART))
        self.stacked = stacked

    def forward(self, x: Tensor) -> list[Tensor]:
        exits = super().forward(x)
        pairs = zip(APART.values(), exits[::2], exits[1::2], strict=True)
        return [exit for join, *pair in pairs for exit in join(pair)] if self.stacked else exits


def network(*, stacked: bool) -> EveryWay:
    torch.manual_seed(0)
    return EveryWay(stacked=stacked).eval()


def test_stacked_exits_need_what_separate_ones_do_and_answer_as_they_do(tmp_path: Path) -> None:
    model = network(stacked=True)
    graph = graph_of(model, tmp_path)
    parts = cut(graph, 2 * len(APART))
    for part in parts[1:]:  # a block, a head, and nothing of the next
        kinds = [node.op_type for node in part.model.graph.node]
        assert (kinds.count("Conv"), kinds.count("Gemm"), kinds.count("Concat")) == (1, 1, 0)
    x = torch.randn(3, *model.shape, generator=torch.Generator().manual_seed(0))
    names = [f"logits_{k:02d}" for k in range(len(parts))]
    found = ort.InferenceSession(tmp_path / MODEL_NAME).run(names, {"input": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, torch.stack(model(x)).numpy(), atol=1e-5)


def test_stacked_exits_cost_what_separate_ones_do() -> None:
    stacked, separate = (cumulative_flops(network(stacked=how), EXAMPLE).cumulative for how in (True, False))
    assert stacked == separate


def joined(join: Callable[[list[Tensor]], Sequence[Tensor]]) -> Joined:
    torch.manual_seed(0)
    return Joined(join).eval()


def graph_of(model: torch.nn.Module, folder: Path) -> onnx.ModelProto:
    return export_graph(ScoredExits(model, "max_softmax").eval(), read_inputs(model, EXAMPLE), folder)


def test_pooled_features_that_are_stacked_are_told_apart_too(tmp_path: Path) -> None:
    class Pooled(exit_networks.Residual):
        def forward(self, x: Tensor) -> list[Tensor]:
            x = self.stem(x).relu()
            maps = torch.stack([(x := (x + block(x)).relu()).mean((2, 3)) for block in self.blocks], 1)
            return [head(maps[:, k]) for k, head in enumerate(self.heads)]

    graph = graph_of(Pooled().eval(), tmp_path)
    check_order(graph, 3)
    assert [sum(node.op_type == "Conv" for node in part.model.graph.node) for part in cut(graph, 3)] == [2, 1, 1]


def test_features_that_are_averaged_together_tie_their_exits(tmp_path: Path) -> None:
    class Averaged(exit_networks.Residual):
        def forward(self, x: Tensor) -> list[Tensor]:
            x = self.stem(x).relu()
            maps = torch.stack([x := (x + block(x)).relu() for block in self.blocks], 1).mean((3, 4))
            return [head(maps[:, k]) for k, head in enumerate(self.heads)]

    with pytest.raises(ExportError, match=r"leaving at exit 0 would spare next to nothing .* the Concat 'node_stack'"):
        check_order(graph_of(Averaged().eval(), tmp_path), 3)


def test_a_stack_that_is_read_as_a_whole_stays_as_it_is(tmp_path: Path) -> None:
    """ZTW-like averages over a stack need all of it, and a graph without stacks of exits is not touched."""
    network = exit_networks.build("stateful")  # images of the same size
    model = graph_of(network, tmp_path)
    assert any(node.op_type == "Concat" for node in model.graph.node)
    assert not any(node.op_type == "Identity" for node in model.graph.node)


CASES: dict[str, tuple[Callable[[list[Tensor]], Sequence[Tensor]], str]] = {
    "normalised together": (
        lambda exits: list(torch.stack(exits).softmax(-1).log()),
        "exit 1 costs: both wait for the Concat 'node_stack' in the model's own forward",
    ),
    "each divided after a stack": (
        lambda exits: [exit / 2 for exit in torch.stack(exits).tanh()],
        "exit 1 costs: both wait for the Concat 'node_stack' in the model's own forward",
    ),
    "reversed": (
        lambda exits: exits[::-1],
        "exit 1 is computed on the way to exit 0, which needs .* in module 'heads.2'",
    ),
    "two swapped": (lambda exits: [exits[1], exits[0], exits[2]], "exit 1 is computed on the way to exit 0"),
    "two of two swapped": (lambda exits: [exits[2], exits[0]], "exit 1 is computed on the way to exit 0"),
    "stacked the wrong way round": (lambda exits: list(torch.stack(exits[::-1])), "exit 1 is computed on the way to"),
    "one exit twice": (lambda exits: [exits[0], *exits], "leaving at exit 0 would spare next to nothing"),
}


@pytest.mark.parametrize("how", CASES)
def test_a_cut_that_saves_nothing_is_refused_and_the_reason_named(how: str, tmp_path: Path) -> None:
    join, message = CASES[how]
    graph = graph_of(joined(join), tmp_path)
    with pytest.raises(ExportError, match=message):
        check_order(graph, len(graph.graph.output) // 3)


def test_the_export_refuses_it_too_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="exit 1 is computed on the way to exit 0"):
        export_bundle(joined(lambda exits: exits[::-1]), EXAMPLE, tmp_path / "m")
    assert not list(tmp_path.iterdir())


class LargeHead(exit_networks.Residual):
    """A head behind the last block that costs more than all that the classifier adds."""

    def __init__(self) -> None:
        super().__init__(2)
        self.side = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.last = torch.nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = (stem := self.stem(x).relu()) + self.blocks[0](stem)
        first = self.heads[0](x.mean((2, 3)))
        x = (x + self.blocks[1](x)).relu()
        return [first, self.heads[1](self.side(x).mean((2, 3))), self.last(x.mean((2, 3)))]


def test_a_large_head_behind_the_last_block_is_no_wrong_order(tmp_path: Path) -> None:
    check_order(graph_of(LargeHead().eval(), tmp_path), 3)
