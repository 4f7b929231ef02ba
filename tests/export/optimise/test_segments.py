"""What the maker finds out about values that ONNX Runtime saves without a shape."""

import pytest

from eeinfer.bundle.manifest import Axis
from eeinfer.export.optimise.segments import _distinct_sizes, _shape
from eeinfer.export.optimise.trial import Unsuitable


def test_the_batch_and_dynamic_axes_are_told_from_fixed_sizes() -> None:
    sizes = _distinct_sizes({"length": Axis(min=1, max=512), "width": Axis(min=1, max=4)})
    assert sizes["batch"] == (1, 2)
    assert len(set(sizes.values())) == 3
    (rows, length, width) = sizes.values()
    shapes = [(rows[at], 7, length[at], width[at], length[at] * 3, 1) for at in (0, 1)]
    assert _shape(shapes, sizes) == ["batch", 7, "length", "width", None, 1]


@pytest.mark.parametrize("axis", [Axis(min=1, max=2), Axis(min=5, max=5)])
def test_an_axis_that_cannot_be_told_apart_is_refused(axis: Axis) -> None:
    with pytest.raises(Unsuitable, match="'length'"):
        _distinct_sizes({"length": axis})
