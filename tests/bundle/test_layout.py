from pathlib import Path
from typing import Any

import msgspec
import pytest

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import check_manifest, last_reads
from eeinfer.bundle.manifest import Manifest, TensorSpec
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
    return replace(manifest, input=replace(manifest.input, preprocess=replace(manifest.input.preprocess, **changes)))


def refuse(manifest: Manifest, text: str) -> None:
    with pytest.raises(BundleError, match=text):
        check_manifest(manifest, where=Path("model.eeb"))


def test_each_tensor_is_dropped_after_its_last_reader(manifest: Manifest) -> None:
    first, second, third = last_reads(manifest)
    assert set(first) == {"input"}
    assert set(second) == {"carried_00", "carried_02"}
    assert set(third) == {"carried_01", "carried_03", "carried_04"}


def test_a_tensor_that_nobody_reads_is_dropped_at_once(manifest: Manifest) -> None:
    spare = TensorSpec(name="spare", dtype="float32", shape=(1,))
    odd = with_segment(manifest, 1, carried=(*manifest.segments[1].carried, spare))
    check_manifest(odd, where=Path("model.eeb"))
    assert "spare" in last_reads(odd)[1]


def test_a_tensor_shares_memory_only_with_one_like_it_and_is_not_read(manifest: Manifest) -> None:
    """Whoever read it later would find what has overwritten it."""
    first, last = manifest.segments[0], manifest.segments[-1]
    owner = first.carried[0]
    shared = replace(owner, name=f"{owner.name}@0")
    sound = with_segment(manifest, 0, carried=(*first.carried, shared))
    check_manifest(sound, where=Path("model.eeb"))
    refuse(with_segment(sound, 2, inputs=(*last.inputs, shared)), "reads 'carried_00@0', which 'carried_00' overwrites")
    for other in (replace(shared, shape=(1,)), replace(shared, dtype="float16"), replace(shared, name="carried_09@0")):
        refuse(with_segment(manifest, 0, carried=(*first.carried, other)), "has nothing like it to share memory with")
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
    refuse(replace(manifest, input=replace(manifest.input, tensor=flat)), r"the input is 'input' float32 \[batch, 64\]")


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        ({"dtype": "float31"}, "without a usable name or dtype"),
        ({"dtype": "object"}, "without a usable name or dtype"),
        ({"name": ""}, "without a usable name or dtype"),
        ({"shape": (1, 0, 8)}, "empty tensor"),
        ({"shape": (1, -8, 8)}, "empty tensor"),
    ],
)
def test_tensors_must_be_usable(manifest: Manifest, tensor: dict[str, Any], text: str) -> None:
    spec = replace(manifest.input.tensor, **tensor)
    refuse(replace(manifest, input=replace(manifest.input, tensor=spec)), text)
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
