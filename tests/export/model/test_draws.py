"""What a model is tried on: numbers of the kind that it reads, the same ones every time."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from eeinfer.export.graph.tables import id_tables
from eeinfer.export.model.draws import ODD_SIZES, SIZES, Draws
from eeinfer.export.model.inputs import Inputs, read_inputs


class Text(nn.Module):
    def forward(self, ids: Tensor, mask: Tensor, kind: Tensor) -> Tensor:
        return ids + mask + kind


def text_inputs() -> Inputs:
    ids = torch.tensor([[3, 5, 9, 4]])
    length = {1: ("length", 1, 12)}
    example = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    return read_inputs(Text(), example, {"ids": length, "mask": length, "kind": length})


def test_floats_are_drawn_as_they_always_were() -> None:
    draws = Draws(inputs=read_inputs(Text(), torch.zeros(1, 3, 4)), real=None)
    batches = [batch["input"] for _, batch in draws.batches()]
    rng = np.random.default_rng(0)
    assert [len(batch) for batch in batches] == [*SIZES, *ODD_SIZES]
    for batch in batches:
        np.testing.assert_array_equal(batch, rng.standard_normal((len(batch), 3, 4), dtype=np.float32))


def test_ids_stay_within_their_table_and_masks_are_ones_then_zeros() -> None:
    draws = Draws(inputs=text_inputs(), tables={"ids": 3, "kind": 2}, real=None)
    ids, masks, kinds = ([batch[name] for _, batch in draws.batches()] for name in ("ids", "mask", "kind"))
    assert {int(value) for batch in ids for value in batch.flat} == {0, 1, 2}
    assert {int(value) for batch in kinds for value in batch.flat} == {0, 1}
    for mask in masks:
        assert mask.dtype == np.int64
        assert (mask[:, 0] == 1).all()
        assert (np.diff(mask, axis=1) <= 0).all()
    assert any((mask == 0).any() for mask in masks)


def test_numbers_without_a_table_stay_in_the_range_of_the_example() -> None:
    drawn = [batch["ids"] for _, batch in Draws(inputs=text_inputs(), real=None).batches()]
    assert min(batch.min() for batch in drawn) >= 3
    assert max(batch.max() for batch in drawn) <= 9


def test_dynamic_axes_are_tried_at_both_bounds_and_between_and_agree_in_a_batch() -> None:
    draws = Draws(inputs=text_inputs(), tables={"ids": 3}, real=None)
    lengths = {len(batch["ids"]): batch["ids"].shape[1] for _, batch in draws.batches()}
    assert (lengths[1], lengths[2], lengths[7], lengths[11]) == (12, 1, 4, 2)
    assert all(batch["ids"].shape == batch["mask"].shape for _, batch in draws.batches())


@pytest.mark.parametrize("random", [True, False])
def test_real_rows_are_chosen_from_what_the_caller_gave(random: bool) -> None:
    inputs = read_inputs(Text(), torch.zeros(1, 2))
    real = np.arange(10, dtype=np.float32).reshape(5, 2)
    draws = Draws(inputs=inputs, real={"input": real}, random=random)
    assert draws.sources == (("random", "real") if random else ("real",))
    chosen = [batch["input"] for source, batch in draws.batches() if source == "real"]
    assert [len(batch) for batch in chosen] == [1, 2, 5, 5, 5]
    assert all(row.tolist() in real.tolist() for batch in chosen for row in batch)


def gather_model(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    tables = [
        helper.make_tensor(name, TensorProto.FLOAT, [rows, 2], [0.0] * rows * 2)
        for name, rows in (("words", 30), ("small", 4))
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 3])], [], initializer=tables
    )
    return helper.make_model(graph)


def test_the_smallest_table_that_an_input_chooses_from_is_found_through_casts_and_reshapes() -> None:
    direct = helper.make_node("Gather", ["words", "ids"], ["a"])
    cast = helper.make_node("Cast", ["ids"], ["whole"], to=TensorProto.INT32)
    seen = helper.make_node("Gather", ["small", "whole"], ["b"])
    shifted = helper.make_node("Add", ["ids", "ids"], ["other"])
    behind = helper.make_node("Gather", ["small", "other"], ["c"])
    assert id_tables(gather_model(direct)) == {"ids": 30}
    assert id_tables(gather_model(direct, cast, seen)) == {"ids": 4}
    assert id_tables(gather_model(direct, shifted, behind)) == {"ids": 30}
    assert id_tables(gather_model(shifted)) == {}
