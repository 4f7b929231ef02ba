"""Examples in any form become named tensors; what does not fit is refused before anything is traced."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eeinfer.errors import ExportError
from eeinfer.export.model.inputs import read_inputs


class Text(nn.Module):
    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        return ids if mask is None else ids * mask


IDS = torch.arange(12).reshape(2, 6)
MASK = torch.ones(2, 6, dtype=torch.bool)
LENGTH = ("length", 1, 512)


def test_a_tensor_is_called_input_and_a_tuple_by_the_parameters_of_forward() -> None:
    assert read_inputs(Text(), IDS).names == ("input",)
    assert read_inputs(Text(), (IDS, MASK)).names == ("ids", "mask")


def test_a_mapping_reaches_forward_by_name_in_whatever_order() -> None:
    inputs = read_inputs(Text(), {"mask": MASK, "ids": IDS})
    assert inputs.names == ("mask", "ids")
    assert torch.equal(inputs.call(Text(), list(inputs.example.values())), IDS[:1])


def test_whole_numbers_and_truth_values_stay_and_floats_become_float32() -> None:
    found = read_inputs(Text(), {"ids": IDS.int(), "mask": MASK}).example
    assert [tensor.dtype for tensor in found.values()] == [torch.int32, torch.bool]
    for value in (np.ones((3, 4)), np.ones((3, 4), np.float16), torch.ones(3, 4).bfloat16().requires_grad_()):
        example = read_inputs(Text(), value).example["input"]
        assert (example.dtype, example.shape, example.requires_grad) == (torch.float32, (1, 4), False)


def test_dynamic_axes_of_one_name_are_one_size() -> None:
    inputs = read_inputs(Text(), (IDS, MASK), {"ids": {1: LENGTH}, "mask": {1: LENGTH}})
    assert inputs.axes == {"length": (1, 512)}
    assert inputs.lengths() == {"length": 6}
    assert inputs.shape("mask", {"length": 9}) == (9,)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (None, "the example is NoneType; give a tensor with the batch on axis 0"),
        ({}, "an empty dict"),
        ([1, 2], "the example is list"),
        ("text", "the example is str"),
        ({"ids": [1]}, "'ids' is of type list"),
        (torch.tensor(3.0), r"'input' has the shape \[\]"),
        (torch.zeros(0, 4), r"the shape \[0, 4\]; give at least one row"),
        (torch.zeros(1, 4, device="meta"), "on meta; give a dense tensor"),
        (torch.zeros(1, 4, dtype=torch.complex64), "complex64"),
        (np.array([["a"]]), "an array of <U1; give numbers"),
        ((IDS, MASK, MASK), "3 tensors, the model's forward takes 2"),
        ((IDS, MASK[:1]), "different numbers of rows"),
        ({"score": IDS}, "cannot be called 'score'"),
        ({"batch": IDS}, "cannot be called 'batch'"),
        ({"input ids": IDS}, "cannot be called 'input ids'"),
    ],
)
def test_an_example_that_is_none_is_refused(example: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        read_inputs(Text(), example)


@pytest.mark.parametrize(
    ("dynamic", "message"),
    [
        ({"x": {1: LENGTH}}, "names the input 'x'; the model reads 'ids', 'mask'"),
        ({"ids": {0: LENGTH}}, "axis 0 of 'ids' cannot be dynamic; axes 1 to 1 can, 0 is the batch"),
        ({"ids": {2: LENGTH}}, "axis 2 of 'ids' cannot be dynamic"),
        ({"ids": {1: "length"}}, "give each axis its name and bounds"),
        ({"ids": {1: ("length", 0, 512)}}, "is 6 in the example and shall be 0 to 512"),
        ({"ids": {1: ("length", 8, 512)}}, "is 6 in the example and shall be 8 to 512"),
        ({"ids": {1: ("batch", 1, 512)}}, "cannot be called 'batch'"),
        ({"ids": {1: ("länge", 1, 512)}}, "cannot be called 'länge'"),
        ({"ids": {1: LENGTH}, "mask": {1: ("length", 1, 99)}}, "'length' like another one"),
    ],
)
def test_dynamic_axes_that_do_not_fit_are_refused(dynamic: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        read_inputs(Text(), (IDS, MASK), dynamic)


def test_real_inputs_take_the_form_of_the_example() -> None:
    inputs = read_inputs(Text(), (IDS, MASK), {"ids": {1: LENGTH}, "mask": {1: LENGTH}})
    rows = inputs.rows({"mask": np.ones((3, 9), bool), "ids": torch.ones(3, 9, dtype=torch.int64)})
    assert list(rows) == ["ids", "mask"]
    assert [len(array) for array in rows.values()] == [3, 3]
    assert list(read_inputs(Text(), torch.zeros(1, 4)).rows(np.zeros((5, 4)))) == ["input"]


@pytest.mark.parametrize(
    ("real", "message"),
    [
        (np.ones((3, 9), np.int64), "real_inputs has 'ids'; the model reads 'ids', 'mask'"),
        ({"ids": np.ones((3, 9), np.int64), "mask": np.ones((2, 9), bool)}, "different numbers of rows"),
        (
            {"ids": np.ones((3, 9), np.int64), "mask": np.ones((3, 8), bool)},
            r"'mask' is bool \[3, 8\]; give",
        ),
        ({"ids": np.ones((3, 9), np.float32), "mask": np.ones((3, 9), bool)}, r"'ids' is float32 \[3, 9\]; give int64"),
        ({"ids": np.ones((3, 999), np.int64), "mask": np.ones((3, 999), bool)}, r"'ids' is int64 \[3, 999\]"),
    ],
)
def test_real_inputs_that_do_not_fit_are_refused(real: Any, message: str) -> None:
    inputs = read_inputs(Text(), (IDS, MASK), {"ids": {1: LENGTH}, "mask": {1: LENGTH}})
    with pytest.raises(ExportError, match=message):
        inputs.rows(real)
