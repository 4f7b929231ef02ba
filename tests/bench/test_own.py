"""The bundle's own thresholds in the bench: timed, named after their certificate, drawn."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import certified
from msgspec.structs import replace

from eeinfer.bench import BenchConfig, Report, measure
from eeinfer.bench.reporting.page import html_page
from eeinfer.bench.reporting.plots import accuracy_against_flops, accuracy_against_ms
from eeinfer.bench.reporting.sentences import own
from eeinfer.bench.thresholds.images import data_digest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest


@pytest.fixture(scope="module")
def of_certified(
    tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory, digits: Any, quick: BenchConfig
) -> Report:
    copy = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("certified") / "copy.eeb")
    certified(copy)
    return measure(copy, *digits, quick)


def test_the_bundle_s_own_thresholds_have_a_row(report: Report, tiny_bundle: Path) -> None:
    taus = Bundle.open(tiny_bundle).manifest.taus
    assert report.own.promise is None
    assert report.own.threshold.taus == taus
    assert report.own.threshold.timing.calls == 12 * report.settings.rounds
    assert len(report.thresholds) == 11  # it is no point of the grid


def test_percentiles_are_over_many_images(report: Report) -> None:
    assert report.own.calls.calls == 40  # all there are
    assert 0 < report.own.calls.min_ms <= report.own.calls.median_ms <= report.own.calls.p99_ms
    assert "one call for each of 40 images" in own(report)


def test_certified_thresholds_are_named(of_certified: Report) -> None:
    assert of_certified.own.promise == "accuracy at most 1 point below the full network's, 95 % sure"
    assert of_certified.own.threshold.taus == (0.5, 0.25, 0.0)
    assert own(of_certified).startswith("certified, tau 0.5, 0.25 (accuracy at most 1 point")
    assert of_certified.own.threshold.agreement == 1.0


def test_the_page_marks_them(report: Report, of_certified: Report) -> None:
    for plot in (accuracy_against_flops, accuracy_against_ms):
        assert "certified thresholds" in plot(of_certified)
        assert "certified" not in plot(report)
        assert "own thresholds" in plot(report)
    page = html_page(of_certified)
    assert re.search(r'<tr class="own"><td>certified</td>', page)
    assert "95 % sure" in page


def test_images_that_certified_are_named(tiny_bundle: Path, tmp_path: Path, digits: Any, quick: BenchConfig) -> None:
    """A test set that chose thresholds is none any more."""
    copy = shutil.copytree(tiny_bundle, tmp_path / "copy.eeb")
    certificate, (images, labels) = certified(copy), digits
    manifest = Bundle.open(copy).manifest
    digest = data_digest(images, np.arange(40), labels, manifest)
    facts = {"rows": 40, "certified_on": 20, "exits": (10, 5, 5), "data_sha256": digest}
    write_manifest(copy, replace(manifest, certificate=replace(certificate, **facts)))
    assert "not independent" in own(measure(copy, images, labels, quick))
    assert "not independent" not in own(measure(copy, images[::-1].copy(), labels, quick))
    assert "not independent" in own(measure(copy, images[:9], labels[:9], quick, data=certificate.data))


def test_batches_are_called_as_batches(tiny_bundle: Path, digits: Any) -> None:
    config = BenchConfig(thresholds=3, batch=4, rounds=1, min_seconds=0, warmup=0, pairs=1, threads=1)
    found = measure(tiny_bundle, *digits, config)
    assert found.own.calls.calls == 10
    assert "batches" in own(found)
