import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from altered_bundles import Json, edit, rehash

import eeinfer
from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.errors import BundleError


def test_a_sound_bundle_opens(tiny_bundle: Path) -> None:
    bundle = Bundle.open(str(tiny_bundle))
    assert bundle.manifest.name == "tiny"
    assert bundle.model == tiny_bundle / "model.onnx"
    assert bundle.file("weights.bin").is_file()


def test_a_missing_folder_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no bundle at .*nowhere\.eeb.*eeinfer export checkpoint\.pt"):
        eeinfer.load(tmp_path / "nowhere.eeb")


def test_a_file_is_not_a_bundle(tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="is a file"):
        Bundle.open(tiny_bundle / "model.onnx")


def test_any_other_folder_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle: it has no manifest\.json"):
        Bundle.open(tmp_path)


def renamed_file(name: str) -> Callable[[Json], object]:
    return lambda data: data["files"].update({name: data["files"].pop("weights.bin")})


@pytest.mark.parametrize(
    "name",
    ["../weights.bin", "/etc/passwd", "sub/../../weights.bin", "..", "", "C:weights.bin", "a\\..\\b", "C:\\w", "w\0"],
)
def test_a_path_that_leaves_the_folder_is_refused(bundle_copy: Path, name: str) -> None:
    shutil.copy(bundle_copy / "weights.bin", bundle_copy.parent)
    edit(bundle_copy, renamed_file(name))
    with pytest.raises(BundleError, match="only plain names of files in the bundle"):
        Bundle.open(bundle_copy)
    edit(bundle_copy, lambda data: data["segments"][0].update(file=name))
    with pytest.raises(BundleError, match="only plain names of files in the bundle"):
        Bundle.open(bundle_copy, verify=False)


@pytest.mark.parametrize("name", ["weights.bin", "segment_01.onnx", "manifest.json"])
def test_a_link_that_leaves_the_folder_is_refused(bundle_copy: Path, name: str) -> None:
    outside = bundle_copy.parent / name
    (bundle_copy / name).rename(outside)
    (bundle_copy / name).symlink_to(outside)
    with pytest.raises(BundleError, match=f"{name} is a link that leaves the bundle"):
        Bundle.open(bundle_copy)


def in_a_hub(bundle: Path, root: Path) -> Path:
    """Lay a bundle out as a hub's cache does: a snapshot of relative links to files named after their hashes."""
    repository = root / "models--someone--tiny"
    snapshot = repository / "snapshots" / "0123abcd" / "tiny.eeb"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for path in sorted(bundle.iterdir()):
        blob = hash_file(path).sha256
        shutil.copy(path, repository / "blobs" / blob)
        (snapshot / path.name).symlink_to(f"../../../blobs/{blob}")
    return snapshot


def test_a_bundle_in_the_cache_of_a_hub_runs_on_every_opening(tiny_bundle: Path, tmp_path: Path) -> None:
    snapshot = in_a_hub(tiny_bundle, tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        wanted = engine.all_exits(images)
    for _ in range(2):
        with eeinfer.load(snapshot, threads=1) as engine:
            np.testing.assert_array_equal(engine.all_exits(images).logits, wanted.logits)


def test_who_needs_plain_files_says_how_to_copy_them(tiny_bundle: Path, tmp_path: Path) -> None:
    Bundle.open(tiny_bundle).check_plain()
    with pytest.raises(BundleError, match=r"made of links.*: cp -rL .* copy\.eeb"):
        Bundle.open(in_a_hub(tiny_bundle, tmp_path)).check_plain()


def test_an_altered_blob_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    snapshot = in_a_hub(tiny_bundle, tmp_path)
    weights = (snapshot / "weights.bin").resolve()
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    with pytest.raises(BundleError, match=r"weights\.bin was altered"):
        Bundle.open(snapshot)


@pytest.mark.parametrize("name", ["weights.bin", "segment_01.onnx", "manifest.json"])
@pytest.mark.parametrize("to", ["../../../../secret", "../../../secret", "../../../blobs/more/secret", "../secret"])
def test_other_links_out_of_a_snapshot_are_refused(tiny_bundle: Path, tmp_path: Path, name: str, to: str) -> None:
    snapshot = in_a_hub(tiny_bundle, tmp_path)
    (snapshot / to).parent.mkdir(exist_ok=True)
    (snapshot / name).resolve().rename(snapshot / to)
    (snapshot / name).unlink()
    (snapshot / name).symlink_to(to)
    with pytest.raises(BundleError, match=f"{name} is a link that leaves the bundle; copy the files with: cp -rL"):
        Bundle.open(snapshot)


def test_a_blob_that_is_a_link_itself_is_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    snapshot = in_a_hub(tiny_bundle, tmp_path)
    blob = (snapshot / "weights.bin").resolve()
    blob.rename(tmp_path / "secret")
    blob.symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match=r"weights\.bin is a link that leaves the bundle"):
        Bundle.open(snapshot)


def test_links_beside_plain_files_are_refused(tiny_bundle: Path, tmp_path: Path) -> None:
    snapshot = in_a_hub(tiny_bundle, tmp_path)
    (snapshot / "segment_00.onnx").unlink()
    shutil.copy(tiny_bundle / "segment_00.onnx", snapshot)
    with pytest.raises(BundleError, match="is a link that leaves the bundle"):
        Bundle.open(snapshot)


def test_a_link_to_itself_is_a_missing_file(bundle_copy: Path) -> None:
    (bundle_copy / "weights.bin").unlink()
    (bundle_copy / "weights.bin").symlink_to("weights.bin")
    with pytest.raises(BundleError, match=r"weights\.bin is missing"):
        Bundle.open(bundle_copy)


def test_the_folder_itself_may_be_a_link(tiny_bundle: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest.eeb"
    link.symlink_to(tiny_bundle)
    assert Bundle.open(link).manifest.name == "tiny"


@pytest.mark.parametrize("name", ["weights.bin", "segment_02.onnx", "model.onnx"])
def test_a_missing_file_is_refused(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        Bundle.open(bundle_copy, verify=False)


@pytest.mark.parametrize("name", ["weights.bin", "segment_02.onnx", "model.onnx"])
def test_one_altered_bit_is_refused(bundle_copy: Path, name: str) -> None:
    data = bytearray((bundle_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle_copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} was altered"):
        Bundle.open(bundle_copy)


def test_without_verification_only_the_hashes_are_skipped(bundle_copy: Path) -> None:
    weights = bundle_copy / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[0] ^= 1
    weights.write_bytes(data)
    Bundle.open(bundle_copy, verify=False)
    weights.write_bytes(data[:-1])
    with pytest.raises(BundleError, match=r"weights\.bin has .* bytes, the manifest says"):
        Bundle.open(bundle_copy, verify=False)


@pytest.mark.parametrize("name", ["model.onnx", "segment_00.onnx"])
def test_every_graph_needs_a_hash(bundle_copy: Path, name: str) -> None:
    edit(bundle_copy, lambda data: data["files"].pop(name))
    with pytest.raises(BundleError, match=f"no hash for {name}"):
        Bundle.open(bundle_copy)


def test_weights_outside_the_manifest_are_refused(bundle_copy: Path) -> None:
    edit(bundle_copy, lambda data: data["files"].pop("weights.bin"))
    with pytest.raises(BundleError, match=r"reads weights from 'weights\.bin', which the manifest does not list"):
        Bundle.open(bundle_copy)


@pytest.mark.parametrize("location", ["../../x.bin", "/weights.b", "weights.txt"])
def test_a_graph_that_reads_another_file_is_refused(bundle_copy: Path, location: str) -> None:
    path = bundle_copy / "segment_01.onnx"
    path.write_bytes(path.read_bytes().replace(b"weights.bin", f"{location:.<11}".encode()))
    (bundle_copy / "weights.txt").write_bytes((bundle_copy / "weights.bin").read_bytes())
    rehash(bundle_copy, path.name)
    with pytest.raises(BundleError, match=r"segment_01\.onnx reads weights from"):
        Bundle.open(bundle_copy)


def test_a_segment_that_is_not_onnx_is_refused(bundle_copy: Path) -> None:
    (bundle_copy / "segment_01.onnx").write_bytes(b"hello, world: no graph at all")
    rehash(bundle_copy, "segment_01.onnx")
    with pytest.raises(BundleError, match=r"segment_01\.onnx"):
        eeinfer.load(bundle_copy)


def test_segments_that_swapped_places_are_refused(bundle_copy: Path) -> None:
    first, second = bundle_copy / "segment_01.onnx", bundle_copy / "segment_02.onnx"
    data = first.read_bytes(), second.read_bytes()
    first.write_bytes(data[1])
    second.write_bytes(data[0])
    rehash(bundle_copy, first.name)
    rehash(bundle_copy, second.name)
    with pytest.raises(BundleError, match=r"segment_01\.onnx has the inputs .*, the manifest carried_00"):
        eeinfer.load(bundle_copy)
