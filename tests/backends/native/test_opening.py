"""Opening with the compiled library: it checks the bundle itself, once, and runs every segment once."""

from pathlib import Path

import pytest
from altered_bundles import DAMAGE, one_bit

import eeinfer
from eeinfer import BundleError
from eeinfer.backends.native import library
from eeinfer.backends.native.lane import NativeLane
from eeinfer.bundle import folder as folders
from eeinfer.bundle.folder import Bundle
from eeinfer.export.optimise.api import optimise
from eeinfer.machine import cache


@pytest.fixture(autouse=True)
def named(native_library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_in_the_same_words_by_every_backend(bundle_copy: Path, damage: str, form: bool) -> None:
    if form:
        assert optimise(Bundle.open(bundle_copy)) is not None
    DAMAGE[damage](bundle_copy)
    said = []
    for backend in ("native", "onnxruntime", None):
        with pytest.raises(BundleError) as caught:
            eeinfer.load(bundle_copy, backend=backend, threads=1)
        said.append(str(caught.value))
    assert len(set(said)) == 1, said


def test_the_library_compares_the_hashes_and_python_does_not(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        pytest.fail(f"{path} is read once more")

    optimise(Bundle.open(bundle_copy))
    with monkeypatch.context() as patch:
        patch.setattr(folders, "hash_file", refuse)
        patch.setattr(folders, "check_graphs", refuse)
        with eeinfer.load(bundle_copy, threads=1) as engine:
            assert (engine.backend, engine.optimised) == ("native", True)
    one_bit(bundle_copy / "weights.bin")
    with eeinfer.load(bundle_copy, threads=1, verify=False) as engine:
        assert (engine.backend, engine.optimised) == ("native", True)


@pytest.mark.parametrize("form", [True, False])
def test_the_segments_have_run_when_the_library_has_opened_them(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch, form: bool
) -> None:
    if form:
        optimise(Bundle.open(bundle_copy))
    else:
        monkeypatch.setenv(cache.VARIABLE, "off")

    def refuse(*_: object) -> float:
        pytest.fail("it runs once more")

    monkeypatch.setattr(NativeLane, "run", refuse)
    with eeinfer.load(bundle_copy, threads=1, backend="native") as engine:
        assert engine.optimised is form


@pytest.mark.parametrize("name", ["model.bin", "model.onnx", "segment_01.onnx"])
def test_a_form_with_one_altered_bit_is_not_run_but_made_again(bundle_copy: Path, name: str) -> None:
    form = optimise(Bundle.open(bundle_copy))
    assert form is not None
    one_bit(form / name)
    damaged = (form / name).read_bytes()
    with eeinfer.load(bundle_copy, threads=1, backend="native") as engine:
        assert engine.optimised
    assert (form / name).read_bytes() != damaged
