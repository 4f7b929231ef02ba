from pathlib import Path
from typing import Any

import msgspec
import pytest

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Axis, Input, Manifest, TensorSpec
from eeinfer.errors import BundleError

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def manifest(tiny_bundle: Path) -> Manifest:
    return Bundle.open(tiny_bundle).manifest


def with_segment(manifest: Manifest, number: int, **changes: Any) -> Manifest:
    segments = list(manifest.segments)
    segments[number] = replace(segments[number], **changes)
    return replace(manifest, segments=tuple(segments))


def with_rule(manifest: Manifest, **changes: Any) -> Manifest:
    assert manifest.input.preprocess is not None
    return with_input(manifest, preprocess=replace(manifest.input.preprocess, **changes))


def with_input(manifest: Manifest, **changes: Any) -> Manifest:
    return replace(manifest, inputs=(replace(manifest.input, **changes),))


def refuse(manifest: Manifest, text: str) -> None:
    with pytest.raises(BundleError, match=text):
        check_manifest(manifest, where=Path("model.eeb"))


def test_a_tensor_shares_memory_only_with_one_like_it_and_is_not_read(manifest: Manifest) -> None:
    """Whoever read it later would find what has overwritten it."""
    first, last = manifest.segments[0], manifest.segments[-1]
    owner = first.carried[0]
    shared = replace(owner, name="summand", shares=owner.name)
    sound = with_segment(manifest, 0, carried=(*first.carried, shared))
    check_manifest(sound, where=Path("model.eeb"))
    refuse(with_segment(sound, 2, inputs=(*last.inputs, shared)), "reads 'summand', which 'carried_00' overwrites")
    for changes in ({"shape": (1,)}, {"dtype": "float16"}, {"shares": "carried_09"}, {"shares": "summand"}):
        other = with_segment(manifest, 0, carried=(*first.carried, replace(shared, **changes)))
        refuse(other, "has nothing like it to share memory with")
    chained = replace(owner, name="another", shares="summand")
    refuse(with_segment(sound, 0, carried=(*first.carried, shared, chained)), "has nothing like it")
    refuse(
        with_segment(sound, 1, carried=(*manifest.segments[1].carried, replace(chained, shares="carried_00"))),
        "has nothing like it",
    )
    before = with_segment(manifest, 0, carried=(shared, *first.carried))
    refuse(before, "has nothing like it to share memory with")


def test_counts_must_agree(manifest: Manifest) -> None:
    refuse(replace(manifest, segments=()), r"model\.eeb: the manifest has no segments")
    refuse(replace(manifest, classes=()), "no classes")
    refuse(replace(manifest, taus=(0.5,)), "1 taus for 3 exits")
    refuse(replace(manifest, parity=replace(manifest.parity, exits=())), "0 rows for 3 exits")


@pytest.mark.parametrize("tau", [-0.1, 1.1, float("nan"), float("inf")])
def test_taus_must_lie_in_range(manifest: Manifest, tau: float) -> None:
    refuse(replace(manifest, taus=(0.5, tau, 0.5)), r"outside \[0, 1\]")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"mean": (0.5, 0.5)}, "2 means and 1 stds for 1 channels"),
        ({"std": (0.0,)}, "not positive"),
        ({"mean": (float("inf"),)}, "not finite"),
        ({"interpolation": "psychic"}, "'psychic', known are nearest, bilinear, bicubic"),
        ({"resize": 7}, "7, less than the input's 8"),
    ],
)
def test_preprocessing_must_make_sense(manifest: Manifest, changes: dict[str, Any], text: str) -> None:
    refuse(with_rule(manifest, **changes), text)


def test_preprocessing_makes_float32_images(manifest: Manifest) -> None:
    flat = TensorSpec(name="input", dtype="float32", shape=(64,))
    refuse(with_input(manifest, tensor=flat), r"the input is 'input' float32 \[batch, 64\]")


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        ({"dtype": "float31"}, "without a usable name or dtype"),
        ({"dtype": "object"}, "without a usable name or dtype"),
        ({"dtype": "f4"}, "without a usable name or dtype"),
        ({"dtype": "longdouble"}, "without a usable name or dtype"),
        ({"shape": (1, "width", 8)}, "the axis 'width', which has no bounds"),
        ({"name": ""}, "without a usable name or dtype"),
        ({"shape": (1, 0, 8)}, "empty tensor"),
        ({"shape": (1, -8, 8)}, "empty tensor"),
    ],
)
def test_tensors_must_be_usable(manifest: Manifest, tensor: dict[str, Any], text: str) -> None:
    spec = replace(manifest.input.tensor, **tensor)
    refuse(with_input(manifest, tensor=spec), text)
    carried = replace(manifest.segments[0].carried[0], **tensor)
    refuse(with_segment(manifest, 0, carried=(carried,)), "segment 0")


def test_every_input_must_have_been_made_as_it_is_read(manifest: Manifest) -> None:
    wide, *rest = manifest.segments[1].inputs
    refuse(with_segment(manifest, 1, inputs=()), r"segment 1 \(segment_01.onnx\) reads nothing")
    refuse(with_segment(manifest, 1, inputs=(wide, wide)), "reads one tensor twice")
    refuse(with_segment(manifest, 0, inputs=(wide,)), "'carried_00', which no earlier segment makes")
    for changed in (replace(wide, dtype="float16"), replace(wide, shape=(4, 8))):
        refuse(with_segment(manifest, 1, inputs=(changed, *rest)), "segment 1 .* but it is made as")


@pytest.mark.parametrize("name", ["carried_00", "input", "score", "carried_03"])
def test_a_name_is_made_once(manifest: Manifest, name: str) -> None:
    again = TensorSpec(name=name, dtype="float32", shape=(1,))
    refuse(with_segment(manifest, 1, carried=(*manifest.segments[1].carried, again)), "a name that is taken")


def test_costs_must_add_up(manifest: Manifest) -> None:
    refuse(with_segment(manifest, 1, cumulative_flops=299), "segment 1 has 299 cumulative FLOPs .* sum to 300")
    refuse(with_segment(manifest, 0, flops=-1, cumulative_flops=-1), "segment 0")


def of_texts(manifest: Manifest) -> Manifest:
    """Two inputs of whole numbers with one length, from which a tensor of that length is carried."""
    ids, mask = (TensorSpec(name=name, dtype="int64", shape=("length",)) for name in ("ids", "mask"))
    carried = TensorSpec(name="states", dtype="float32", shape=("length", 4))
    first, second, third = manifest.segments
    return replace(
        manifest,
        inputs=(Input(tensor=ids), Input(tensor=mask)),
        axes={"length": Axis(min=1, max=128)},
        segments=(
            replace(first, inputs=(ids, mask), carried=(carried,)),
            replace(second, inputs=(carried, mask), carried=()),
            replace(third, inputs=(carried,)),
        ),
    )


def test_inputs_may_be_several_and_have_dynamic_axes(manifest: Manifest) -> None:
    check_manifest(of_texts(manifest), where=Path("model.eeb"))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "uint64", "float16", "float64", "bfloat16"])
def test_an_input_may_have_any_number_dtype(manifest: Manifest, dtype: str) -> None:
    kinds = TensorSpec(name="kinds", dtype=dtype, shape=())
    texts = replace(of_texts(manifest), inputs=(*of_texts(manifest).inputs, Input(tensor=kinds)))
    check_manifest(texts, where=Path("model.eeb"))


def test_inputs_have_names_of_their_own(manifest: Manifest) -> None:
    texts = of_texts(manifest)
    ids, mask = texts.inputs
    refuse(replace(texts, inputs=()), "no inputs")
    refuse(replace(texts, inputs=(ids, mask, mask)), "two of the inputs 'ids', 'mask', 'mask' have one name")
    score = replace(mask, tensor=replace(mask.tensor, name="score"))
    refuse(replace(texts, inputs=(ids, mask, score)), "an input is called 'score'")
    shared = replace(mask, tensor=replace(mask.tensor, shares="ids"))
    refuse(replace(texts, inputs=(ids, shared)), "the input 'mask' shares memory")


@pytest.mark.parametrize(
    ("axes", "text"),
    [
        ({}, "the axis 'length', which has no bounds"),
        ({"length": Axis(min=0, max=5)}, "'length' has sizes from 0 to 5"),
        ({"length": Axis(min=5, max=4)}, "'length' has sizes from 5 to 4"),
        ({"length": Axis(min=1, max=4), "width": Axis(min=1, max=4)}, "'width' is in no input"),
        ({"length": Axis(min=1, max=4), "batch": Axis(min=1, max=4)}, "dynamic axis 'batch', which is not a name"),
        ({"length": Axis(min=1, max=4), "": Axis(min=1, max=4)}, "dynamic axis '', which is not a name"),
        ({"length": Axis(min=1, max=4), "länge": Axis(min=1, max=4)}, "dynamic axis 'länge', which is not a name"),
        ({"length": Axis(min=1, max=4), "1st": Axis(min=1, max=4)}, "dynamic axis '1st', which is not a name"),
    ],
)
def test_dynamic_axes_have_bounds_and_stand_in_an_input(manifest: Manifest, axes: dict[str, Axis], text: str) -> None:
    refuse(replace(of_texts(manifest), axes=axes), text)


def test_images_have_fixed_sizes(manifest: Manifest) -> None:
    tensor = replace(manifest.input.tensor, shape=(1, "height", 8))
    odd = replace(with_input(manifest, tensor=tensor), axes={"height": Axis(min=8, max=16)})
    refuse(odd, r"the input is 'input' float32 \[batch, 1, height, 8\]")
