"""manifest.json as bytes: what is refused, what older formats become, and that one flipped bit is noticed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from altered_bundles import Json, edit
from hypothesis import given
from hypothesis import strategies as st

import eeinfer
from eeinfer import samples
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME, Axis, ExitShift, Input, Manifest, Shift, TensorSpec
from eeinfer.bundle.manifest_file import (
    DEEPEST,
    check_depth,
    check_once,
    decode_manifest,
    encode_manifest,
    is_plain,
    with_checksum,
    write_manifest,
)
from eeinfer.errors import BundleError

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_manifest_survives_writing_and_reading(tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = Bundle.open(tiny_bundle).manifest
    assert decode_manifest(encode_manifest(manifest), where=tmp_path) == manifest
    path = write_manifest(tmp_path, manifest)
    assert path.read_bytes() == encode_manifest(manifest)
    assert [entry.name for entry in tmp_path.iterdir()] == ["manifest.json"]


def test_a_manifest_that_does_not_hold_together_is_not_written(tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = Bundle.open(tiny_bundle).manifest
    with pytest.raises(BundleError, match="2 taus for 3 exits"):
        write_manifest(
            tmp_path,
            msgspec.structs.replace(manifest, taus=(0.5, 0.5)),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("odd", [10**30, json.loads("[" * 100 + "]" * 100)])
def test_a_manifest_that_could_not_be_read_is_not_written(tiny_bundle: Path, tmp_path: Path, odd: Any) -> None:
    manifest = msgspec.structs.replace(Bundle.open(tiny_bundle).manifest, provenance={"odd": odd})
    with pytest.raises(BundleError, match=r"64 bits|100 deep"):
        write_manifest(tmp_path, manifest)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0, 1, 500, -2])
def test_a_truncated_manifest_is_refused(bundle_copy: Path, cut: int) -> None:
    path = bundle_copy / "manifest.json"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BundleError, match=r"manifest\.json is truncated or not JSON"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("text", [b"hello", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_manifest_that_is_not_json_is_refused(bundle_copy: Path, text: bytes) -> None:
    (bundle_copy / "manifest.json").write_bytes(text)
    with pytest.raises(BundleError, match=r"truncated or not JSON|not a manifest"):
        Bundle.open(bundle_copy)


def test_a_newer_format_is_refused_with_both_numbers_and_the_command(bundle_copy: Path) -> None:
    edit(bundle_copy, lambda data: data.update(format_version=7, news="unknown to this reader"))
    with pytest.raises(
        BundleError, match=r"format version 7, this eeinfer reads versions 1 to 3; .*pip install --upgrade"
    ):
        Bundle.open(bundle_copy)


def shift_of(exits: int) -> Json:
    exit = ExitShift(
        accuracy_before=None, accuracy_after=None, predictions_equal=1.0, max_score_shift=0.0, mean_score_shift=0.0
    )
    shift = Shift(data="x", images=1, calibration_images=0, computed="x", exits=(exit,) * exits, taus=())
    built: Json = msgspec.to_builtins(shift)
    return built


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data.update(format_version=0), "format version 0, .* reads versions 1 to 3; export"),
        (lambda data: data.update(format_version="1"), "format_version"),
        (lambda data: data.pop("format_version"), "format_version"),
        (lambda data: data.update(colour="blue"), "unknown field `colour`"),
        (lambda data: data["segments"][1].update(colour="blue"), r"unknown field `colour`.*segments\[1\]"),
        (lambda data: data.update(input=data["inputs"][0]), "unknown field `input`"),
        (lambda data: data.pop("inputs"), "missing required field `inputs`"),
        (lambda data: data.pop("classes"), "missing required field `classes`"),
        (lambda data: data.update(taus=["high", 1, 1]), "taus"),
        (lambda data: data["inputs"][0]["tensor"].update(shape=[1, 8.5, 8]), "shape"),
        (lambda data: data.update(precision="int4"), "precision 'int4', known are fp32, fp16, bf16, int8, fp8"),
        (lambda data: data.update(device="tpu"), "device 'tpu', known are cpu, cuda"),
        (lambda data: data.update(shift=shift_of(2)), "the shift report has 2 rows for 3 exits"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(bundle_copy: Path, change: Callable[[Json], object], text: str) -> None:
    edit(bundle_copy, change)
    with pytest.raises(BundleError, match=text):
        Bundle.open(bundle_copy)


def golden(version: int) -> Manifest:
    path = GOLDEN / f"manifest_{version}.json"
    assert json.loads(path.read_text())["format_version"] == version
    return decode_manifest(path.read_bytes(), where=path)


def test_the_first_format_is_still_read_and_the_newest_written(tmp_path: Path) -> None:
    manifest = golden(1)
    assert (manifest.name, manifest.precision, manifest.device, manifest.shift) == ("tiny", "fp32", None, None)
    assert manifest.format_version == 3
    assert manifest.inputs == (Input(tensor=manifest.segments[0].inputs[0], preprocess=manifest.input.preprocess),)
    assert not manifest.axes
    path = write_manifest(tmp_path, manifest)
    assert json.loads(path.read_text())["format_version"] == 3
    assert decode_manifest(path.read_bytes(), where=path) == manifest


def test_what_the_second_format_said_in_names_is_a_field(tmp_path: Path) -> None:
    """The golden file is what the shipped network's optimised form was, with tensors that are overwritten."""
    manifest = golden(2)
    shared = {spec.name: spec.shares for segment in manifest.segments for spec in segment.carried if spec.shares}
    assert shared == {f"carried_{owner}@{number}": f"carried_{owner}" for owner in ("00", "02") for number in (0, 1)}
    path = write_manifest(tmp_path, manifest)
    assert decode_manifest(path.read_bytes(), where=path) == manifest


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("field", ["inputs", "axes", "checksum"])
def test_an_older_format_has_no_newer_fields(version: int, field: str) -> None:
    data = json.loads((GOLDEN / f"manifest_{version}.json").read_text()) | {field: []}
    with pytest.raises(BundleError, match=f"unknown field `{field}`"):
        decode_manifest(json.dumps(data).encode(), where=GOLDEN)


@pytest.mark.parametrize("version", [1, 2])
def test_a_tensor_of_an_older_format_has_fixed_sizes_and_shares_by_name(version: int) -> None:
    for change in ({"shape": ["length"]}, {"shares": None}):
        data = json.loads((GOLDEN / f"manifest_{version}.json").read_text())
        data["segments"][0]["carried"][0] |= change
        with pytest.raises(BundleError, match=next(iter(change))):
            decode_manifest(json.dumps(data).encode(), where=GOLDEN)


def sealed(path: Path, text: str, other: str) -> bytes:
    """The manifest with one text in the place of another, and the checksum that belongs to it."""
    sound = path.read_text()
    assert text in sound
    return with_checksum(sound.replace(text, other, 1).encode())


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ('"name": "tiny"', '"name": "tiny", "name": "tiny"'),
        ('"name": "tiny"', '"name": "tiny", "n\\u0061me": "tiny"'),
        ('"recipe": "tests"', '"recipe": "tests", "recipe": "tests"'),
        ('"recipe": "tests"', '"inner": [{"a": 1, "b": 2, "a": 3}]'),
    ],
)
def test_a_field_stands_once(tiny_bundle: Path, text: str, other: str) -> None:
    """Readers differ in which of the two they take."""
    path = tiny_bundle / "manifest.json"
    with pytest.raises(BundleError, match=r"has the field '(name|recipe|a)' twice"):
        decode_manifest(sealed(path, text, other), where=path)


@pytest.mark.parametrize("digits", [str(2**64), str(-(2**63) - 1), "1" + "0" * 30, "9" * 500])
def test_whole_numbers_have_64_bits(tiny_bundle: Path, digits: str) -> None:
    """Other languages have no larger ones, and would read another number."""
    path = tiny_bundle / "manifest.json"
    with pytest.raises(BundleError, match="a whole number that does not fit into 64 bits"):
        decode_manifest(sealed(path, '"recipe": "tests"', f'"seed": {digits}'), where=path)


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0])
def test_seeds_of_64_bits_are_read(tiny_bundle: Path, number: int) -> None:
    path = tiny_bundle / "manifest.json"
    found = decode_manifest(sealed(path, '"recipe": "tests"', f'"seed": {number}'), where=path)
    assert found.provenance == {"seed": number}


@pytest.mark.parametrize(("depth", "sound"), [(98, True), (99, False), (100_000, False)])
def test_lists_and_objects_have_a_depth(tiny_bundle: Path, depth: int, sound: bool) -> None:
    """Two are around them: the manifest and its provenance. How deep a reader gets must not depend on its stack."""
    path = tiny_bundle / "manifest.json"
    data = sealed(path, '"recipe": "tests"', f'"]}}[{{": {"[" * depth}{"]" * depth}')
    if sound:
        decode_manifest(data, where=path)
        return
    with pytest.raises(BundleError, match="lists or objects more than 100 deep"):
        decode_manifest(data, where=path)


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(tiny_bundle: Path) -> None:
    text = (tiny_bundle / "manifest.json").read_text()
    stated = json.loads(text)["checksum"]
    assert list(json.loads(text))[:2] == ["format_version", "checksum"]
    assert hashlib.sha256(text.replace(stated, "0" * 64).encode()).hexdigest() == stated


def test_every_flipped_bit_of_a_manifest_is_refused(tiny_bundle: Path) -> None:
    """A mean, a threshold or a class name would give other answers; spaces count as well."""
    path = tiny_bundle / "manifest.json"
    sound = path.read_bytes()
    for at in range(len(sound)):
        data = bytearray(sound)
        data[at] ^= 1 << at % 8
        with pytest.raises(BundleError):
            decode_manifest(bytes(data), where=path)


@pytest.mark.parametrize("stated", ["", "0" * 64, "x" * 64, "0" * 63])
def test_a_manifest_without_its_checksum_is_refused(tiny_bundle: Path, stated: str) -> None:
    data = json.loads((tiny_bundle / "manifest.json").read_text())
    for other in (data | {"checksum": stated}, {name: value for name, value in data.items() if name != "checksum"}):
        with pytest.raises(BundleError, match=r"manifest\.json was altered"):
            decode_manifest(json.dumps(other).encode(), where=tiny_bundle / "manifest.json")


def test_texts_that_look_like_a_checksum_do_no_harm(tiny_bundle: Path, tmp_path: Path) -> None:
    odd = '"checksum": "' + "0" * 64
    manifest = Bundle.open(tiny_bundle).manifest
    manifest = msgspec.structs.replace(manifest, name=odd, provenance={"checksum": "0" * 64, odd: odd})
    assert decode_manifest(encode_manifest(manifest), where=tmp_path) == manifest


def test_several_inputs_and_dynamic_axes_survive(tiny_bundle: Path, tmp_path: Path) -> None:
    ids, mask = (TensorSpec(name=name, dtype="int64", shape=("length",)) for name in ("ids", "mask"))
    manifest = msgspec.structs.replace(
        Bundle.open(tiny_bundle).manifest,
        inputs=(Input(tensor=ids), Input(tensor=mask)),
        axes={"length": Axis(min=1, max=512)},
    )
    found = decode_manifest(encode_manifest(manifest), where=tmp_path)
    assert found == manifest
    with pytest.raises(BundleError, match="'tiny' has the inputs 'ids', 'mask'; give a mapping"):
        _ = found.input
    assert ids.sizes({"length": 7}) == (7,)
    with pytest.raises(BundleError, match="'ids' has the dynamic axis 'length'"):
        ids.sizes()


def test_the_shipped_bundle_has_the_newest_format() -> None:
    from eeinfer import samples

    assert json.loads((samples.bundle_path() / "manifest.json").read_text())["format_version"] == 3
    assert eeinfer.Bundle.open(samples.bundle_path()).manifest.input.tensor.shape == (1, 28, 28)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=4),
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
        max_leaves=12,
    )
)
def test_what_is_plain_is_neither_too_deep_nor_doubled_nor_huge(value: Any) -> None:
    data = json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
    if is_plain(data):
        check_depth(data)
        check_once(data)


@pytest.mark.parametrize("depth", [98, 99, 100, 101, 102, 400])
def test_what_is_too_deep_is_not_plain(depth: int) -> None:
    data = b"\n".join(
        [b"  " * at + b"[" for at in range(depth - 1)] + [b"  " * (depth - 1) + b"[]"]
        + [b"  " * at + b"]" for at in reversed(range(depth - 1))]
    )  # fmt: skip
    assert is_plain(data + b"\n") is (depth <= DEEPEST)


@pytest.mark.parametrize(
    "text", ['{\n  "a": 1,\n  "a": 1\n}', '{\n  "a": 36893488147419103232\n}', '{"a": 1}', '{\n  "a": 1\n', "\x00"]
)
def test_what_we_would_not_write_is_not_plain(text: str) -> None:
    assert not is_plain(text.encode() + b"\n")
    assert is_plain(b'{\n  "a": 1\n}\n')


def test_manifests_and_forms_are_plain_as_they_are_written(tiny_bundle: Path) -> None:
    assert is_plain((tiny_bundle / MANIFEST_NAME).read_bytes())
    assert is_plain((samples.bundle_path() / MANIFEST_NAME).read_bytes())
