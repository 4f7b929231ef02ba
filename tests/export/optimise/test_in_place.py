"""Sums in place: what shares memory, what must not, and that nobody's answer changes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

import eeinfer
from eeinfer import samples
from eeinfer.backends.memory import Memory
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.export.graph.cut import SegmentGraph
from eeinfer.export.optimise.in_place import share_memory
from eeinfer.machine import cache

NCHWC = "com.microsoft.nchwc"
SHAPE = ["batch", 8, 4, 4]


def conv(source: str, result: str, summand: str | None = None, domain: str = NCHWC) -> NodeProto:
    more = [] if summand is None else ["b", summand]
    return helper.make_node("Conv", [source, "w", *more], [result], domain=domain)


STAGE = [
    conv("x", "s0"),
    conv("s0", "a1"),
    conv("a1", "s1", "s0"),
    conv("s1", "a2"),
    conv("a2", "carried_00", "s1"),
    helper.make_node("GlobalAveragePool", ["carried_00"], ["logits"], domain=NCHWC),
]


def shared(nodes: Sequence[NodeProto], shapes: dict[str, list[int | str]] | None = None) -> dict[str, str]:
    """What the segment of these nodes, which carries carried_00, has as outputs beside it: name -> memory."""
    names = [name for node in nodes for name in node.output]
    sizes = dict.fromkeys([*names, "x"], SHAPE) | (shapes or {})
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes[name]) for name in sizes}
    outputs = [values["logits"], values["carried_00"]]
    graph = helper.make_graph(list(nodes), "g", [values["x"]], outputs, value_info=list(values.values()))
    part = share_memory(SegmentGraph(model=helper.make_model(graph), inputs=("x",), carried=("carried_00",), module=""))
    found = [value.name for value in part.model.graph.output][2:]
    assert list(part.carried) == ["carried_00", *found]
    made = {name for node in part.model.graph.node for name in node.output}
    assert made >= set(found)
    assert list(part.shares) == found
    return part.shares


def test_a_stage_of_blocks_is_one_buffer() -> None:
    assert shared(STAGE) == {"carried_00@0": "carried_00", "carried_00@1": "carried_00"}


def test_what_is_read_once_more_afterwards_keeps_its_own_memory() -> None:
    late = helper.make_node("Relu", ["s1"], ["late"])  # in no order with the sum that overwrites s1
    assert shared([*STAGE, late]) == {}
    assert shared([*STAGE, helper.make_node("Relu", ["s0"], ["late"])]) == {"carried_00@0": "carried_00"}


def test_what_comes_from_an_earlier_segment_is_not_overwritten() -> None:
    nodes = [conv("x", "a1"), conv("a1", "s1", "x"), conv("s1", "a2"), conv("a2", "carried_00", "s1"), STAGE[-1]]
    assert shared(nodes) == {"carried_00@0": "carried_00"}


def test_another_shape_or_another_kind_of_node_ends_the_chain() -> None:
    assert shared(STAGE, {"s1": ["batch", 8, 1, 1]}) == {}
    plain = [*STAGE[:-2], helper.make_node("Add", ["a2", "s1"], ["carried_00"]), STAGE[-1]]
    assert shared(plain) == {}
    assert shared([*STAGE[:-2], conv("a2", "carried_00", "s1", domain=""), STAGE[-1]]) == {}


def test_buffers_are_shared_as_the_manifest_says() -> None:
    owners = {"first": None, "second": None, "third": "first"}
    memory = Memory([TensorSpec(name=name, dtype="float32", shape=(3,), shares=owners[name]) for name in owners], 2)
    memory.grow({})
    made = memory.tensors({})
    assert np.may_share_memory(made["third"], made["first"])
    assert not np.may_share_memory(made["second"], made["first"])


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """The shipped residual network in the form for this machine, whose maker has compared its answers."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    with eeinfer.load(threads=1):
        pass
    form = next(optimised.find(Bundle.open(samples.bundle_path())), None)
    assert form is not None
    found = form.bundle
    first = onnx.load(found.file(found.manifest.segments[0].file), load_external_data=False)
    if all(node.domain != NCHWC for node in first.graph.node):
        pytest.skip("this processor computes convolutions in plain order")
    return found


def test_the_shipped_network_adds_in_place(kept: Bundle) -> None:
    assert any(spec.shares for segment in kept.manifest.segments for spec in segment.carried)


def test_answers_do_not_depend_on_who_ran_before(kept: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((rows, 1, 28, 28)).astype(np.float32) for rows in (1, 5, 2, 1, 5)]
    taus = [0.1, 1.0, 0.6, 0.9]
    with eeinfer.load(threads=1) as engine:
        fast = [engine(batch, tau=tau) for batch in batches for tau in taus]
        again = [engine(batch, tau=tau) for batch in batches for tau in taus]
    monkeypatch.setenv(cache.VARIABLE, "off")
    with eeinfer.load(threads=1) as engine:
        plain = [engine(batch, tau=tau) for batch in batches for tau in taus]
    for first, second, wanted in zip(fast, again, plain, strict=True):
        np.testing.assert_array_equal(first.logits, second.logits)
        np.testing.assert_array_equal(first.exits, wanted.exits)
        np.testing.assert_allclose(first.logits, wanted.logits, atol=1e-4)
