"""Crafted folders whose hashes are right: what they hold, read or lack must be noticed all the same."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from altered_bundles import edit, swap
from onnx import TensorProto

import eeinfer
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError


def change(bundle: Path, name: str, alter: Callable[[onnx.ModelProto], object]) -> None:
    model = onnx.load(bundle / name, load_external_data=False)
    alter(model)
    swap(bundle, name, model.SerializeToString())


def with_entry(key: str, value: str) -> Callable[[onnx.ModelProto], object]:
    """State one thing about the first tensor that lies elsewhere differently."""

    def alter(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.data_location == TensorProto.EXTERNAL)
        entries = {entry.key: entry.value for entry in tensor.external_data} | {key: value}
        tensor.ClearField("external_data")
        for name, text in entries.items():
            tensor.external_data.add(key=name, value=text)

    return alter


@pytest.mark.parametrize(
    ("key", "value"), [("offset", "999999999"), ("length", "999999999"), ("offset", "-4"), ("length", str(1 << 63))]
)
def test_weights_lie_inside_their_file(bundle_copy: Path, key: str, value: str) -> None:
    change(bundle_copy, "segment_01.onnx", with_entry(key, value))
    with pytest.raises(BundleError, match=r"segment_01\.onnx"):
        Bundle.open(bundle_copy)


def test_a_graph_says_which_bytes_it_reads(bundle_copy: Path) -> None:
    def alter(model: onnx.ModelProto) -> None:
        entries = model.graph.initializer[0].external_data
        del entries[[entry.key for entry in entries].index("length")]

    change(bundle_copy, "segment_00.onnx", alter)
    with pytest.raises(BundleError, match=r"reads weights from 'weights\.bin', but does not say which of its"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("location", ["*/_ORT_MEM_ADDR_/*", "manifest.json", "engines/x", "./weights.bin", ""])
def test_special_places_are_no_weights(bundle_copy: Path, location: str) -> None:
    change(bundle_copy, "segment_00.onnx", with_entry("location", location))
    with pytest.raises(BundleError, match="which the manifest does not list"):
        Bundle.open(bundle_copy)


def test_a_special_place_cannot_be_listed(bundle_copy: Path) -> None:
    (bundle_copy / "*" / "_ORT_MEM_ADDR_").mkdir(parents=True)
    shutil.copy(bundle_copy / "weights.bin", bundle_copy / "*/_ORT_MEM_ADDR_/*")
    edit(bundle_copy, lambda data: data["files"].update({"*/_ORT_MEM_ADDR_/*": data["files"]["weights.bin"]}))
    change(bundle_copy, "segment_00.onnx", with_entry("location", "*/_ORT_MEM_ADDR_/*"))
    with pytest.raises(BundleError, match="only plain names"):
        Bundle.open(bundle_copy)


def test_operators_of_other_domains_and_functions_are_refused(bundle_copy: Path) -> None:
    def alter(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "com.microsoft"

    change(bundle_copy, "segment_00.onnx", alter)
    with pytest.raises(BundleError, match=r"segment_00\.onnx .* has an operator of the domain 'com\.microsoft'"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("damage", [b"", b"no graph", b"\x3a\x05abc"])
def test_a_damaged_graph_of_all_exits_leaves_the_segments_alone(
    tiny_bundle: Path, bundle_copy: Path, damage: bytes
) -> None:
    swap(bundle_copy, "model.onnx", damage)
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    with eeinfer.load(bundle_copy, threads=1) as engine, eeinfer.load(tiny_bundle, threads=1) as sound:
        np.testing.assert_allclose(engine(images, tau=1).logits, sound(images, tau=1).logits, atol=1e-4)
    with pytest.raises(BundleError, match=r"model\.onnx"):
        _ = Bundle.open(bundle_copy).model


@pytest.mark.parametrize("name", ["notes.txt", "weights2.bin", "segment_09.onnx"])
def test_what_the_manifest_does_not_list_is_refused(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).write_bytes(b"")
    with pytest.raises(BundleError, match=f"{name} is not listed in the manifest; move it out of the bundle"):
        Bundle.open(bundle_copy, verify=False)


def test_a_folder_that_is_not_listed_is_refused_and_builds_are_not(bundle_copy: Path) -> None:
    (bundle_copy / "engines").mkdir()
    (bundle_copy / ".DS_Store").write_bytes(b"")
    Bundle.open(bundle_copy)
    (bundle_copy / "more").mkdir()
    with pytest.raises(BundleError, match="more is not listed"):
        Bundle.open(bundle_copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "segment_00.onnx", "weights.bin"])
def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).unlink()
    os.mkfifo(bundle_copy / name)
    with pytest.raises(BundleError, match=name):
        eeinfer.load(bundle_copy)


@pytest.mark.parametrize("name", ["manifest.json", "segment_00.onnx"])
def test_files_have_a_moderate_size(bundle_copy: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    limit = "MOST_MANIFEST_BYTES" if name == "manifest.json" else "MOST_GRAPH_BYTES"
    monkeypatch.setattr(f"eeinfer.bundle.contents.{limit}", 100)
    with pytest.raises(BundleError, match=f"{name} cannot be read"):
        Bundle.open(bundle_copy)


def reshaped(*sizes: int | str) -> Callable[[onnx.ModelProto], object]:
    """Let the first input be declared with another shape."""

    def alter(model: onnx.ModelProto) -> None:
        shape = model.graph.input[0].type.tensor_type.shape
        shape.ClearField("dim")
        for size in sizes:
            shape.dim.add(**{"dim_param" if isinstance(size, str) else "dim_value": size})

    return alter


@pytest.mark.parametrize(
    "sizes",
    [(), ("batch",), ("batch", 5), ("batch", 1, 8), ("batch", 1, 8, 8, 1), ("batch", 1, 2**63 - 1, 8),
     ("batch", 1, -(2**63), 8), ("batch", 1, 8, 9), (2, 1, 8, 8), (-(2**63),)],
)  # fmt: skip
def test_an_input_of_another_shape_is_refused_before_onnx_runtime_sees_it(
    bundle_copy: Path, sizes: tuple[int | str, ...]
) -> None:
    """Such shapes kill the process under ONNX Runtime 1.23, which infers from them while it opens the graph."""
    change(bundle_copy, "segment_00.onnx", reshaped(*sizes))
    for verify in (True, False):
        with pytest.raises(BundleError, match=r"segment_00\.onnx has the tensor 'input' in another shape than the"):
            Bundle.open(bundle_copy, verify=verify)


def test_outputs_have_the_manifests_shapes_too_and_sizes_may_be_left_open(bundle_copy: Path) -> None:
    change(bundle_copy, "segment_00.onnx", reshaped("batch", "c", "h", "w"))
    Bundle.open(bundle_copy)
    change(
        bundle_copy, "segment_00.onnx", lambda model: model.graph.output[0].type.tensor_type.shape.dim.add(dim_value=1)
    )
    with pytest.raises(BundleError, match="has the tensor 'logits' in another shape"):
        Bundle.open(bundle_copy)


def test_an_input_that_is_broken_inside_is_refused(bundle_copy: Path) -> None:
    """Its bytes are plain ASCII, and it is not looked into for names that are no text."""
    data = (bundle_copy / "segment_00.onnx").read_bytes()
    model = onnx.ModelProto.FromString(data)
    sound = model.graph.input[0].type.SerializeToString()
    assert data.count(b"\x12" + bytes([len(sound)]) + sound) == 1
    swap(bundle_copy, "segment_00.onnx", data.replace(sound, b"\x0a\x7f" + sound[2:]))
    with pytest.raises(BundleError, match=r"segment_00\.onnx is no ONNX graph of a bundle, it is broken at byte"):
        Bundle.open(bundle_copy)


def test_the_type_of_an_input_is_one_that_onnx_knows(bundle_copy: Path) -> None:
    change(
        bundle_copy, "segment_00.onnx", lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", 99)
    )
    with pytest.raises(BundleError, match="has the tensor 'input' in another shape"):
        Bundle.open(bundle_copy)
