"""What OpenVINO compiled is kept and taken up again; damaged, foreign or unusable, it never stands in the way."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altered_bundles import edit

import eeinfer
from eeinfer.backends.openvino import kept
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE

pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")
NAMES = ("one", "many")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def scores(bundle: Path, **given: Any) -> np.ndarray:
    """Of five images in a batch, and of the first alone."""
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(bundle, backend="openvino", **{"threads": 1, **given}) as engine:
        return np.concatenate([engine.all_exits(rows).scores for rows in (images, images[:1])])


def file(bundle: Path, name: str) -> Path:
    path = kept.place(Bundle.open(bundle), name)
    assert path is not None
    return path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """An entry for each time that segments are compiled."""
    from eeinfer.backends.openvino.compiled import Compiled

    seen, made = [], Compiled._made

    def noted(self: Compiled, path: Path | None, *, one: bool) -> list[Any]:
        seen.append(one)
        return made(self, path, one=one)

    monkeypatch.setattr(Compiled, "_made", noted)
    return seen


def test_what_was_compiled_once_is_taken_up_again_and_answers_alike(tiny_bundle: Path, compiled: list[bool]) -> None:
    first = scores(tiny_bundle)
    assert compiled == [True, False]
    np.testing.assert_array_equal(scores(tiny_bundle), first)
    np.testing.assert_allclose(scores(tiny_bundle, threads=2, options={"streams": "2"}), first, rtol=0, atol=1e-6)
    assert compiled == [True, False], "threads and streams are given anew"
    folder = file(tiny_bundle, "one").parents[1]
    assert {*folder.rglob("*")} == {
        path for name in NAMES for path in (file(tiny_bundle, name), file(tiny_bundle, name).parent)
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", ["cut", "flipped", "longer", "empty", "line", "other", "pipe", "folder", "missing"])
def test_what_is_damaged_or_of_something_else_is_made_again(
    bundle_copy: Path, compiled: list[bool], name: str, fault: str
) -> None:
    first = scores(bundle_copy)
    path = file(bundle_copy, name)
    sound = path.read_bytes()
    middle = len(sound) // 2
    damaged = {
        "cut": sound[:middle],
        "flipped": sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :],
        "longer": sound + b"x",
        "empty": b"",
        "line": b'{"key":"x","sizes":[-1],"crc32":[0]}\n',
        "other": file(bundle_copy, NAMES[name == "one"]).read_bytes(),
    }
    path.unlink()
    if fault in damaged:
        path.write_bytes(damaged[fault])
    elif fault != "missing":
        {"pipe": os.mkfifo, "folder": os.mkdir}[fault](path)
    compiled.clear()
    np.testing.assert_array_equal(scores(bundle_copy), first)
    assert compiled == [name == "one"]
    compiled.clear()
    np.testing.assert_array_equal(scores(bundle_copy), first)
    assert not compiled, "it was made again"


def test_what_openvino_refuses_is_compiled(
    tiny_bundle: Path, compiled: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    first, path = scores(tiny_bundle), file(tiny_bundle, "one")
    with path.open("wb") as written:
        kept._write(written, path, [b"foreign"] * len(Bundle.open(tiny_bundle).manifest.segments))
    compiled.clear()
    np.testing.assert_array_equal(scores(tiny_bundle), first)
    assert compiled == [True]
    [told] = caplog.messages
    assert f"{path} is not used" in told
    compiled.clear()
    np.testing.assert_array_equal(scores(tiny_bundle), first)
    assert not compiled, "it was made again, and is not tried in vain at each opening"


def test_an_altered_bundle_leaves_nothing(bundle_copy: Path) -> None:
    path, weights = file(bundle_copy, "one"), bundle_copy / "weights.bin"
    data = np.fromfile(weights, np.float32)
    (data * 2).tofile(weights)
    assert np.isfinite(scores(bundle_copy, verify=False)).all()
    assert not path.parent.exists()


def test_another_state_of_the_bundle_has_a_place_of_its_own(bundle_copy: Path) -> None:
    before = file(bundle_copy, "one")
    edit(bundle_copy, lambda manifest: manifest.update(taus=[0.5] * len(manifest["taus"])))
    assert file(bundle_copy, "one") != before


def test_nothing_is_kept_where_nothing_can_be(
    tiny_bundle: Path, cache: Path, compiled: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_write", full)
        first = scores(tiny_bundle)
    assert not [*cache.rglob("*.bin")]
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        np.testing.assert_array_equal(scores(tiny_bundle), first)
    np.testing.assert_array_equal(scores(tiny_bundle), first)
    assert len([*cache.rglob("*.bin")]) == 2, "no failure is remembered"


def test_many_processes_may_open_it_first_at_once(tiny_bundle: Path, cache: Path) -> None:
    code = """
import sys, numpy, eeinfer
with eeinfer.load(sys.argv[1], backend="openvino", threads=1) as engine:
    print(engine.all_exits(numpy.zeros((3, 8, 8), numpy.uint8)).scores.tolist())
"""
    command = [sys.executable, "-c", code, str(tiny_bundle)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate(timeout=300)[0] for process in started}
    assert len(said) == 1
    assert "[" in said.pop()
    found = {path for path in (cache / kept.KIND).rglob("*") if path.is_file()}
    assert found == {file(tiny_bundle, name) for name in NAMES}
