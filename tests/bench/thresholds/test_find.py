"""Thresholds of a bundle: what is found, certified, stored, and what is said where nothing is."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer import samples
from eeinfer.bench import BenchConfig
from eeinfer.bench.thresholds.config import ThresholdsConfig
from eeinfer.bench.thresholds.find import CERTIFIED, Found, find_thresholds
from eeinfer.bench.thresholds.images import data_digest, threshold_data
from eeinfer.bench.thresholds.store import store
from eeinfer.bench.thresholds.table import as_json, never_pays, shortfall, verdict
from eeinfer.bundle.certificate import CertifiedPromise, void
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError, DataError, EeinferError, ExportError, InputError

FAST = BenchConfig(rounds=1, min_seconds=0, max_seconds=0.1, warmup=0, pairs=1, threads=1, latency_samples=4)
IMAGES = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
LABELS = np.arange(80) % 5


def config(kind: str = "budget_flops", value: float = 0.9, **settings: Any) -> ThresholdsConfig:
    percentile = settings.pop("percentile", None)
    promise = CertifiedPromise(kind=kind, value=value, percentile=percentile)
    return ThresholdsConfig(promise=promise, threads=1, **settings)


def found_on(bundle: Path, wanted: ThresholdsConfig, labels: np.ndarray | None = LABELS) -> Found:
    return find_thresholds(bundle, IMAGES, labels, wanted, timing=FAST)


@pytest.fixture(scope="module")
def budget(tiny_bundle: Path) -> Found:
    return found_on(tiny_bundle, config())


def test_a_budget_in_flops_is_of_the_static_network(tiny_bundle: Path, budget: Found) -> None:
    static = Bundle.open(tiny_bundle).manifest.flops.static
    certified = budget.points[0]
    assert certified.name == CERTIFIED
    assert certified.flops <= 0.9 * static
    assert certified.flops == pytest.approx(certified.outcome.cost)
    assert certified.timing is not None
    assert certified.timing.timing.calls > 0


def test_the_certificate_is_of_this_bundle_and_these_images(tiny_bundle: Path, budget: Found) -> None:
    manifest, certificate = Bundle.open(tiny_bundle).manifest, budget.certificate
    assert certificate is not None
    assert void(certificate, certificate.taus, manifest.files) is None
    assert certificate.data_sha256 == data_digest(IMAGES, np.arange(80), LABELS, manifest)
    assert certificate.data_sha256 != data_digest(IMAGES, np.arange(79), LABELS[:79], manifest)
    assert certificate.data_sha256 != data_digest(IMAGES, np.arange(80), None, manifest)
    assert (certificate.rows, sum(certificate.exits)) == (80, certificate.certified_on)
    assert certificate.machine is None


def test_the_bundle_is_left_alone_until_it_is_stored(bundle_copy: Path, budget: Found) -> None:
    assert budget.certificate is not None
    before = {path.name: path.read_bytes() for path in bundle_copy.iterdir()}
    assert store(bundle_copy, budget.certificate) == bundle_copy
    changed = {path.name for path in bundle_copy.iterdir() if path.read_bytes() != before[path.name]}
    assert changed == {"manifest.json"}
    with eeinfer.load(bundle_copy, threads=1) as engine:
        assert engine.certificate == budget.certificate
        assert engine.tau == budget.certificate.taus
    with eeinfer.load(bundle_copy, threads=1, tau=0.123) as engine:
        assert engine.certificate is None
        assert "it is for the thresholds" in str(engine.certificate_void)


def test_a_copy_gets_it_where_one_is_asked_for(tiny_bundle: Path, tmp_path: Path, budget: Found) -> None:
    assert budget.certificate is not None
    source = shutil.copytree(tiny_bundle, tmp_path / "source.eeb")
    for name in ("tensorrt-sm86", "onnxruntime-0123", ".half"):
        (source / "engines" / name).mkdir(parents=True)
    target = store(source, budget.certificate, tmp_path / "copy")
    assert target.name == "copy.eeb"
    assert Bundle.open(target).manifest.certificate == budget.certificate
    assert Bundle.open(source).manifest.certificate is None
    assert [path.name for path in (target / "engines").iterdir()] == ["tensorrt-sm86"]
    with pytest.raises(ExportError, match="replace it with --force"):
        store(source, budget.certificate, tmp_path / "copy")
    assert store(source, budget.certificate, tmp_path / "copy", force=True) == target


def test_the_shipped_bundle_and_a_hubs_stay_as_they_are(bundle_copy: Path, tmp_path: Path, budget: Found) -> None:
    assert budget.certificate is not None
    with pytest.raises(ExportError, match="shipped with eeinfer"):
        store(samples.bundle_path(), budget.certificate)
    (bundle_copy / "manifest.json").rename(tmp_path / "blob")
    (bundle_copy / "manifest.json").symlink_to(tmp_path / "blob")
    with pytest.raises(ExportError, match="as a hub keeps it"):
        store(bundle_copy, budget.certificate)


def test_a_budget_in_milliseconds_is_measured_here(tiny_bundle: Path) -> None:
    found = found_on(tiny_bundle, config("budget_ms", 1e4, percentile=90.0, rounds=1, per_exit=False))
    assert found.certificate is not None
    assert found.certificate.machine
    assert found.choice.limit == pytest.approx(0.1)
    assert 0 < found.points[0].outcome.cost < 1e4


def test_labels_are_not_needed_to_agree(tiny_bundle: Path) -> None:
    found = found_on(tiny_bundle, config("consistency", 0.999), None)
    assert found.certificate is None
    assert not found.labelled
    assert "no thresholds are shown" in verdict(found)
    assert "more images" in shortfall(found) or "No number of images" in shortfall(found)
    assert as_json(found)["choice"]["found"] is None


def test_exits_that_never_pay_are_named(budget: Found) -> None:
    idle = [row.exit for row in budget.weighed if not row.pays]
    assert bool(never_pays(budget)) == bool(idle)
    assert all(str(exit) in never_pays(budget) for exit in idle)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"kind": "budget_flops", "value": 0.001}, "leaving at the first exit takes .* % already"),
        ({"kind": "budget_ms", "value": 1e-6}, "ms here already"),
    ],
)
def test_budgets_below_the_first_exit_are_refused(tiny_bundle: Path, wanted: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        found_on(tiny_bundle, config(**wanted, rounds=1))


@pytest.mark.parametrize(
    ("wanted", "error", "reason"),
    [
        ({"kind": "speed"}, ConfigError, "known are max_loss"),
        ({"kind": "max_loss", "value": 0.0}, InputError, "allowed are shares above 0 and below 1, such as 0.01"),
        ({"kind": "max_loss", "value": -0.01}, InputError, "^max_loss is -0.01; allowed are shares above 0"),
        ({"kind": "min_accuracy", "value": 1.0}, InputError, "allowed are shares above 0 and below 1"),
        ({"kind": "budget_ms", "value": 0.0}, InputError, "allowed are milliseconds above 0"),
        ({"kind": "max_loss", "value": 0.1, "percentile": 99.0}, InputError, "goes with budget_ms"),
        ({"rounds": 0}, ConfigError, "rounds is 0"),
        ({"seed": -1}, ConfigError, "seed -1"),
    ],
)
def test_settings_that_are_none_are_refused(wanted: dict[str, Any], error: type[EeinferError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        config(**wanted)


def test_labels_out_of_range_or_of_one_class_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(DataError, match="labels run from"):
        found_on(tiny_bundle, config(), LABELS + 3)
    with pytest.raises(InputError, match="all 80 rows have the label 2"):
        found_on(tiny_bundle, config("max_loss", 0.1), 0 * LABELS + 2)


def test_images_without_labels_are_found_where_none_are_needed(tiny_bundle: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", images=IMAGES)
    found, labelled = threshold_data(tiny_bundle, str(tmp_path / "bare.npz"), needs_labels=False)
    assert (len(found.images), labelled) == (80, False)
    with pytest.raises(DataError, match="holds no array 'labels'"):
        threshold_data(tiny_bundle, str(tmp_path / "bare.npz"), needs_labels=True)
    np.savez(tmp_path / "full.npz", images=IMAGES, labels=LABELS)
    assert threshold_data(tiny_bundle, str(tmp_path / "full.npz"), needs_labels=False)[1]
