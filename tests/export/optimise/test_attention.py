"""Attention in one node: found whatever it is made of, and nothing else is taken for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

import eeinfer
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.export import export_bundle
from eeinfer.export.optimise.attention import fuse_attention
from eeinfer.machine import cache

WIDTH, HEADS, TOKENS, EXITS = 16, 2, 9, 2


class Block(nn.Module):
    """Pre-norm self-attention as timm writes it: one linear layer, the heads split off by a permutation."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(self.norm(x)).reshape(x.shape[0], TOKENS, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*heads.unbind(0))
        return x + self.out(mixed.transpose(1, 2).reshape(x.shape[0], TOKENS, WIDTH))


class Vision(nn.Module):
    """Patches, two blocks, and a head on the mean of the tokens behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 4, stride=4)
        self.blocks = nn.ModuleList(Block() for _ in range(EXITS))
        self.heads = nn.ModuleList(nn.Linear(WIDTH, 5) for _ in range(EXITS))

    def forward(self, x: Tensor) -> list[Tensor]:
        x, logits = self.patch(x).flatten(2).transpose(1, 2), []
        for block, head in zip(self.blocks, self.heads, strict=True):
            x = block(x)
            logits.append(head(x.mean(1)))
        return logits


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("attention") / "vision"
    return Bundle.open(export_bundle(Vision(), torch.zeros(1, 3, 12, 12), out, taus=0.5))


@pytest.fixture
def model(bundle: Bundle) -> ModelProto:
    return onnx.load(bundle.model)


def kinds(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_every_block_has_one_node_and_nothing_of_the_old_ones_is_left(model: ModelProto) -> None:
    fused = fuse_attention(model)
    assert fused is not None
    found = kinds(fused)
    assert found.count("Attention") == EXITS
    assert found.count("Softmax") == EXITS, "those of the scores"
    assert {"Split", "Slice", "Squeeze"}.isdisjoint(found)
    assert [value.name for value in fused.graph.output] == [value.name for value in model.graph.output]


@pytest.mark.parametrize("rows", [1, 3])
def test_it_answers_the_same(model: ModelProto, rows: int) -> None:
    import onnxruntime

    fused = fuse_attention(model)
    assert fused is not None
    images = np.random.default_rng(rows).standard_normal((rows, 3, 12, 12)).astype(np.float32)
    runs = [
        onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"input": images}
        )
        for part in (model, fused)
    ]
    for wanted, found in zip(*runs, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_second_look_finds_nothing_more(model: ModelProto) -> None:
    fused = fuse_attention(model)
    assert fused is not None
    assert fuse_attention(fused) is None


def other_scale(model: ModelProto) -> None:
    """The factor of query and key, which is kept in one constant."""
    factor = (WIDTH / HEADS) ** -0.25
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size == 1 and np.isclose(values, factor):
            tensor.CopyFrom(numpy_helper.from_array(values * 1.1, tensor.name))


def queries_are_an_output_too(model: ModelProto) -> None:
    for node in list(model.graph.node):
        if node.op_type == "Softmax" and len(_shape(model, node.output[0])) == 4:
            model.graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))


def in_half_precision(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        if list(tensor.dims) == [WIDTH, 3 * WIDTH]:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))


def without_bias(model: ModelProto) -> None:
    """The bias becomes a second input of the model, which no weight is."""
    for tensor in list(model.graph.initializer):
        if list(tensor.dims) == [3 * WIDTH]:
            model.graph.initializer.remove(tensor)
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, [3 * WIDTH]))


def a_mask_that_comes_from_outside(model: ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [TOKENS, TOKENS]))
    for i, node in reversed(list(enumerate(model.graph.node))):
        if node.op_type == "Softmax" and len(_shape(model, node.output[0])) == 4:
            masked = f"{node.input[0]}_masked"
            model.graph.node.insert(i, helper.make_node("Add", [node.input[0], "mask"], [masked]))
            model.graph.node[i + 1].input[0] = masked


@pytest.mark.parametrize(
    "change",
    [other_scale, queries_are_an_output_too, in_half_precision, without_bias, a_mask_that_comes_from_outside],
)
def test_what_is_not_plain_attention_in_float32_stays(model: ModelProto, change: Callable[[ModelProto], None]) -> None:
    before = model.SerializeToString()
    change(model)
    assert model.SerializeToString() != before
    assert fuse_attention(model) is None


def _shape(model: ModelProto, name: str) -> list[int]:
    known = {value.name: value.type.tensor_type.shape.dim for value in (*model.graph.value_info, *model.graph.output)}
    return list(known[name])


def test_the_engine_runs_it_and_answers_as_the_bundle_says(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).standard_normal((4, 3, 12, 12)).astype(np.float32)
    monkeypatch.setenv(cache.VARIABLE, "off")
    with eeinfer.load(bundle.path, threads=1) as engine:
        wanted = engine.all_exits(images)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    with eeinfer.load(bundle.path, threads=1) as engine:
        found = engine.all_exits(images)
    kept = next(optimised.find(bundle), None)
    assert kept is not None
    for segment in kept.build.segments:
        assert kinds(onnx.load(kept.path / segment.file, load_external_data=False)).count("Attention") == 1
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
    np.testing.assert_array_equal(found.predictions, wanted.predictions)


class Encoder(nn.Module):
    """Torch's own layers, whose linear layers see [T, batch, C] or rows in one line."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.heads = nn.ModuleList(nn.Linear(WIDTH, 5) for _ in layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        logits = []
        for layer, head in zip(self.layers, self.heads, strict=True):
            x = layer(x, x, x, need_weights=False)[0] if isinstance(layer, nn.MultiheadAttention) else layer(x)
            logits.append(head(x.mean(1)))
        return logits


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "MultiheadAttention": lambda: nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=True),
    "norm first": lambda: nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=True, norm_first=True),
    "TransformerEncoder": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=True), 2, enable_nested_tensor=False
    ),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_torchs_own_layers_are_optimised_and_answer_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their attention stays in several nodes: torch writes it with the tokens in front of the batch, [T, B, C]."""
    torch.manual_seed(0)
    net, rows = Encoder([LAYERS[kind]() for _ in range(EXITS)]).eval(), torch.randn(3, TOKENS, WIDTH)
    path = export_bundle(net, rows[:1], tmp_path / "encoder", taus=0.5)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    with eeinfer.load(path, threads=1) as engine, torch.no_grad():
        assert engine.optimised
        found = engine.all_exits(rows.numpy()).logits
        for k, wanted in enumerate(net(rows)):
            np.testing.assert_allclose(found[:, k], wanted.numpy(), atol=1e-4)
