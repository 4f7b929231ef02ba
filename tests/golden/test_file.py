"""The golden file: written and read back bit for bit; whatever else lies there is refused by name."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer import InputError
from eeinfer.bundle.folder import Bundle
from eeinfer.export.golden import record
from eeinfer.golden.file import Golden, golden_path, read_golden, write_golden


@pytest.fixture(scope="module")
def golden(tiny_engine: eeinfer.Engine) -> Golden:
    rows = np.random.default_rng(0).normal(0, 1, (5, 1, 8, 8)).astype(np.float32)
    rows[2] = np.nan
    return record(tiny_engine, {"input": rows})


def read(path: Path, bundle: Path) -> Golden:
    opened = Bundle.open(bundle)
    return read_golden(path, opened.manifest, opened.fingerprint)


def test_what_is_read_is_what_was_written(golden: Golden, tiny_bundle: Path, tmp_path: Path) -> None:
    write_golden(tmp_path / "a.npz", golden)
    found = read(tmp_path / "a.npz", tiny_bundle)
    for name in ("scores", "predictions", "logits", "taus", "exits"):
        wanted, got = getattr(golden, name), getattr(found, name)
        assert (wanted.dtype, wanted.tobytes()) == (got.dtype, got.tobytes()), name
    assert found.inputs[0].tobytes() == golden.inputs[0].tobytes()
    assert (found.fingerprint, dict(found.made_with)) == (golden.fingerprint, dict(golden.made_with))
    assert found.exits[2] == -1
    assert np.isnan(found.logits[2]).all()


def test_the_same_answers_make_the_same_plain_zip(golden: Golden, tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_golden(tmp_path / name, golden)
    data = (tmp_path / "a.npz").read_bytes()
    assert data == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert not any(entry.extra for entry in archive.infolist())  # no ZIP64: other readers need not know it
        assert archive.namelist()[:4] == ["format.npy", "fingerprint.npy", "made_with.npy", "input_00.npy"]


def test_it_lies_beside_the_bundle() -> None:
    assert golden_path(Path("/a/model.eeb")) == Path("/a/model.golden.npz")
    assert golden_path(Path("/a/other")) == Path("/a/other.golden.npz")


def without(name: str) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays.pop(name)


def changed(name: str, array: object) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays.update({name: np.asarray(array)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without("exits"), "has no entry 'exits'"),
        (without("score_01"), "has no entry 'score_01'"),
        (changed("format", 2), "has the format 2, this eeinfer reads 1"),
        (changed("fingerprint", np.zeros(32, np.uint8)), "recorded from another bundle"),
        (changed("exits", np.zeros(4, np.int64)), r"exits is int64 \[4\]"),
        (changed("taus", np.zeros(3)), r"taus is float64 \[3\]"),
        (changed("score_00", np.zeros(4, np.float32)), "no golden file"),
        (changed("input_00", np.zeros((4, 1, 8, 8), np.float32)), "another number of rows"),
        (changed("made_with", np.frombuffer(b"{", np.uint8)), "no golden file"),
        (changed("made_with", np.frombuffer(b"[1]", np.uint8)), "no golden file"),
        (changed("exits", np.array([object()], object)), "no golden file"),
    ],
)
def test_what_is_no_golden_file_of_this_bundle_is_refused(
    golden: Golden,
    tiny_bundle: Path,
    tmp_path: Path,
    change: Callable[[dict[str, np.ndarray]], object],
    words: str,
) -> None:
    write_golden(tmp_path / "a.npz", golden)
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    change(arrays)
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=words):
        read(tmp_path / "b.npz", tiny_bundle)


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.99])
def test_a_damaged_file_is_refused(golden: Golden, tiny_bundle: Path, tmp_path: Path, cut: float) -> None:
    write_golden(tmp_path / "a.npz", golden)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: int(cut if cut >= 1 else cut * len(data))])
    with pytest.raises(InputError, match="no golden file"):
        read(tmp_path / "a.npz", tiny_bundle)
    flipped = bytearray(data)
    flipped[data.index(golden.inputs[0].tobytes()) + golden.inputs[0].nbytes // 2] ^= (
        1  # heads of entries may say anything
    )
    (tmp_path / "a.npz").write_bytes(flipped)
    with pytest.raises(InputError):
        read(tmp_path / "a.npz", tiny_bundle)


def test_compressed_and_missing_files_are_refused(golden: Golden, tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="record one with: eeinfer export"):
        read(tmp_path / "none.npz", tiny_bundle)
    np.savez_compressed(tmp_path / "a.npz", format=np.asarray(1))
    with pytest.raises(InputError, match="compressed"):
        read(tmp_path / "a.npz", tiny_bundle)
    with pytest.raises(InputError, match="no golden file"):
        read(tmp_path, tiny_bundle)
