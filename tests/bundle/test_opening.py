"""What is checked while a bundle is opened: the graphs and hashes when somebody asks for it, or to explain an error."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from altered_bundles import swap

import eeinfer
from eeinfer.bundle import folder as folders
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError
from eeinfer.machine import cache


def opened(path: Path) -> Bundle:
    return Bundle.open(path, verify=False, graphs=False)


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_graphs_and_hashes_wait_until_they_are_asked_for(bundle_copy: Path) -> None:
    swap(bundle_copy, "segment_01.onnx", b"\x00no graph")
    alter(bundle_copy / "weights.bin")
    bundle = opened(bundle_copy)
    with bundle.opening(verify=True):
        pass


@pytest.mark.parametrize("verify", [True, False])
def test_who_asks_learns_of_a_broken_graph_at_once(bundle_copy: Path, verify: bool) -> None:
    swap(bundle_copy, "segment_01.onnx", b"\x00no graph")
    bundle = opened(bundle_copy)
    with bundle.opening(verify=verify) as check, pytest.raises(BundleError, match=r"segment_01\.onnx"):
        check()


@pytest.mark.parametrize("large", [True, False])
def test_who_asks_learns_of_an_altered_file_at_the_end(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(folders, "_SMALL_BYTES", 0 if large else 1 << 30)
    alter(bundle_copy / "weights.bin")
    bundle = opened(bundle_copy)
    with pytest.raises(BundleError, match=r"weights\.bin was altered"), bundle.opening(verify=True) as check:
        check()
    with bundle.opening(verify=False) as check:
        check()


def test_hashes_are_compared_also_where_the_system_starts_no_thread(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(folders, "_SMALL_BYTES", 0)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with eeinfer.load(bundle_copy, backend="onnxruntime", threads=1):
        pass
    alter(bundle_copy / "weights.bin")
    with pytest.raises(BundleError, match=r"weights\.bin was altered"):
        eeinfer.load(bundle_copy, backend="onnxruntime", threads=1)


def test_every_file_is_hashed_once_however_often_it_is_asked_for(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed, hash_file = [], folders.hash_file

    def counted(path: Path) -> object:
        hashed.append(path.name)
        return hash_file(path)

    monkeypatch.setattr(folders, "hash_file", counted)
    bundle = opened(bundle_copy)
    with bundle.opening(verify=True) as check:
        check()
        check()
    assert sorted(hashed) == sorted(bundle.manifest.files)


@pytest.mark.parametrize("name", ["weights.bin", "segment_01.onnx"])
def test_damage_explains_what_went_wrong_though_nobody_asked(bundle_copy: Path, name: str) -> None:
    alter(bundle_copy / name)
    bundle = opened(bundle_copy)
    with pytest.raises(BundleError, match=name) as caught, bundle.opening(verify=True):
        raise BundleError("a session does not open")
    assert "a session" not in str(caught.value)
    with pytest.raises(BundleError, match="a session"), opened(bundle_copy).opening(verify=False):
        raise BundleError("a session does not open")


@pytest.mark.parametrize(
    ("verify", "large", "vouched", "looks"),
    [
        (True, False, True, False),
        (True, False, False, True),
        (True, True, True, True),  # its hashes are compared while sessions open
        (False, False, True, True),  # then nothing says that it is the same graph
    ],
)
def test_graphs_that_were_checked_before_are_known_by_their_hashes(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch, verify: bool, large: bool, vouched: bool, looks: bool
) -> None:
    monkeypatch.setattr(folders, "_SMALL_BYTES", 0 if large else 1 << 30)
    swap(bundle_copy, "segment_01.onnx", b"\x00no graph")
    with opened(bundle_copy).opening(verify=verify) as check:
        if looks:
            with pytest.raises(BundleError, match=r"segment_01\.onnx"):
                check(vouched=vouched)
        else:
            check(vouched=vouched)


def test_an_altered_graph_is_refused_before_anybody_reads_it_though_its_manifest_is_vouched_for(
    bundle_copy: Path,
) -> None:
    alter(bundle_copy / "segment_01.onnx")
    with (
        pytest.raises(BundleError, match=r"segment_01\.onnx was altered"),
        opened(bundle_copy).opening(verify=True) as check,
    ):
        _read_after(check)


def _read_after(check: Callable[..., None]) -> None:
    check(vouched=True)
    pytest.fail("the block went on")


def test_the_form_of_this_machine_vouches_for_the_bundle_that_it_was_made_from(
    bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    monkeypatch.setattr(folders, "check_graphs", lambda folder, manifest: looked.append(folder))

    def looks() -> int:
        looked.clear()
        with eeinfer.load(bundle_copy, backend="onnxruntime", threads=1):
            return len(looked)

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    assert [looks(), looks()] == [1, 0]
    shutil.rmtree(tmp_path / "cache")
    assert [looks(), looks()] == [1, 0]
    monkeypatch.setenv(cache.VARIABLE, cache.OFF)
    assert [looks(), looks()] == [1, 1]
