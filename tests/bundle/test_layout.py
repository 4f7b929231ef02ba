from pathlib import Path

import msgspec
import pytest

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import alive, bytes_in_front, bytes_per_sample, last_reads
from eeinfer.bundle.manifest import Axis, Input, Manifest, TensorSpec

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def manifest(tiny_bundle: Path) -> Manifest:
    return Bundle.open(tiny_bundle).manifest


def test_each_tensor_is_dropped_after_its_last_reader(manifest: Manifest) -> None:
    first, second, third = last_reads(manifest)
    assert set(first) == {"input"}
    assert set(second) == {"carried_00", "carried_02"}
    assert set(third) == {"carried_01", "carried_03", "carried_04"}


def test_a_tensor_that_nobody_reads_is_dropped_at_once(manifest: Manifest) -> None:
    spare = TensorSpec(name="spare", dtype="float32", shape=(1,))
    first, second, third = manifest.segments
    odd = replace(manifest, segments=(first, replace(second, carried=(*second.carried, spare)), third))
    check_manifest(odd, where=Path("model.eeb"))
    assert "spare" in last_reads(odd)[1]


def test_an_input_that_a_later_segment_reads_is_alive_until_then(manifest: Manifest) -> None:
    mask = TensorSpec(name="mask", dtype="bool", shape=(64,))
    first, second, third = manifest.segments
    late = replace(third, inputs=(*third.inputs, mask))
    odd = replace(manifest, inputs=(*manifest.inputs, Input(tensor=mask)), segments=(first, second, late))
    assert [mask in kept for kept in alive(odd)] == [True, True, False]
    assert [after - before for before, after in zip(bytes_in_front(manifest), bytes_in_front(odd), strict=True)] == [
        0,
        64,
        64,
    ]


def test_a_dynamic_axis_counts_at_its_longest() -> None:
    spec = TensorSpec(name="states", dtype="float16", shape=("length", 4))
    assert bytes_per_sample(spec, {"length": Axis(min=1, max=128)}) == 128 * 4 * 2
