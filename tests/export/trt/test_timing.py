"""TensorRT's timing cache: one for all segments, found again, and never in the way."""

from pathlib import Path

import fake_trt_builder
import pytest

from eeinfer.bundle.builds import builds
from eeinfer.bundle.folder import Bundle
from eeinfer.export.trt import TrtConfig, build_plans, targets
from eeinfer.machine.cache import VARIABLE
from eeinfer.machine.gpus import Driver, Gpu


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TensorRT on a machine with an H100, whose cache is empty."""
    fake_trt_builder.install(monkeypatch)
    show(monkeypatch, "H100")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def show(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(targets, "driver", lambda: Driver(gpus=(Gpu(name=name, capability=(9, 0)),)))


def build(bundle: Path) -> None:
    build_plans(bundle, TrtConfig(batches=(1,)), force=True)


def stored(cache: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in cache.rglob("*") if path.is_file())


def test_all_segments_and_later_builds_share_one(bundle_copy: Path, cache: Path) -> None:
    build(bundle_copy)
    assert stored(cache) == [b"..."]
    build(bundle_copy)
    assert stored(cache) == [b"......"]
    [found] = builds(Bundle.open(bundle_copy))
    assert (found.folder, found.library_version) == ("engines/tensorrt-sm90", fake_trt_builder.VERSION)


def test_another_gpu_of_the_same_kind_has_its_own(
    bundle_copy: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(bundle_copy)
    show(monkeypatch, "H200")
    build(bundle_copy)
    assert stored(cache) == [b"...", b"..."]


def test_a_damaged_one_is_begun_again(bundle_copy: Path, cache: Path) -> None:
    build(bundle_copy)
    [path] = (path for path in cache.rglob("*") if path.is_file())
    path.write_bytes(fake_trt_builder.DAMAGED)
    build(bundle_copy)
    assert stored(cache) == [b"..."]


def test_where_nothing_is_kept_plans_are_built_all_the_same(
    bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in ("off", str(tmp_path / "file" / "cache")):
        monkeypatch.setenv(VARIABLE, place)
        build(bundle_copy)
        assert len(builds(Bundle.open(bundle_copy))) == 1


def test_it_is_not_written_through_a_link_that_lies_in_wait(bundle_copy: Path, cache: Path, tmp_path: Path) -> None:
    build(bundle_copy)
    [path] = (path for path in cache.rglob("*") if path.is_file())
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.with_suffix(".tmp").symlink_to(victim)
    build(bundle_copy)
    assert victim.read_text() == "precious"
    assert path.read_bytes() == b"......"
