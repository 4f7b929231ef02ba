"""A process that is the cascade's own: one pool, unless a library that has pools of its own runs the bundle there."""

from pathlib import Path

import msgspec
import pytest
from choices import CHOICE, break_openvino, everywhere, pick

from eeinfer.backends.chosen import save_choice
from eeinfer.backends.ort.process import take_process
from eeinfer.bundle.folder import Bundle
from eeinfer.machine import cache

pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The pools that were asked for."""
    sizes: list[int | None] = []
    monkeypatch.setattr("eeinfer.backends.ort.process.share_threads", sizes.append)
    return sizes


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


def test_a_process_whose_bundle_another_library_runs_gets_no_pool(bundle: Bundle, asked: list[int | None]) -> None:
    save_choice(bundle, CHOICE)
    for threads in (None, 2):
        take_process(bundle.path, threads)
    take_process(bundle.path, 2, "openvino")
    assert asked == []
    take_process(bundle.path, 2, "native")
    assert asked == [2]
    save_choice(bundle, msgspec.structs.replace(CHOICE, picks=everywhere("onnxruntime")))
    take_process(bundle.path, None)
    assert asked == [2, None]
    save_choice(
        bundle,
        msgspec.structs.replace(CHOICE, picks=(*everywhere("openvino"), pick("onnxruntime", threads=1, process=True))),
    )
    for threads in (None, 1, 2):
        take_process(bundle.path, threads)
    assert asked == [2, None, 1, 2]


def test_one_whose_chosen_library_no_longer_loads_gets_its_pool(
    bundle: Bundle, asked: list[int | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_choice(bundle, CHOICE)
    break_openvino(monkeypatch, tmp_path)
    for threads in (None, 2):
        take_process(bundle.path, threads)
    assert asked == [None, 2]
