"""Bundles against each other."""

import csv
import io
from pathlib import Path

import msgspec
import numpy as np
import pytest
from browser import needs_browser, visit

import eeinfer
from eeinfer.bench.reporting.records import decode
from eeinfer.bench.versus import VersusConfig, VersusReport, compare_bundles, versus_csv, versus_page
from eeinfer.bench.versus.table import advice, bands
from eeinfer.errors import ConfigError


@pytest.fixture(scope="module")
def bundles(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from shutil import copytree

    return [tiny_bundle, Path(copytree(tiny_bundle, tmp_path_factory.mktemp("other") / "tiny.eeb"))]


@pytest.fixture(scope="module")
def report(bundles: list[Path]) -> VersusReport:
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (60, 8, 8), dtype=np.uint8), draw.integers(0, 5, 60)
    config = VersusConfig(rounds=2, timed=4, taus=(0.0, 0.3, 1.0), threads=1)
    return compare_bundles(dict.fromkeys(bundles, (images, labels)), config, data="noise")


def test_a_bundle_and_its_copy_answer_alike(report: VersusReport, tiny_bundle: Path) -> None:
    first, second = report.bundles
    assert first.own.accuracy == second.own.accuracy
    assert second.agreement == 1
    assert first.label != second.label
    assert [point.mean_flops for point in first.curve] == sorted(point.mean_flops for point in first.curve)
    assert all(0 < point.low_ms <= point.median_ms <= point.high_ms for point in (first.own, *first.curve))
    with eeinfer.load(tiny_bundle) as engine:
        assert first.own.taus == engine.tau
        assert first.exit_accuracy == pytest.approx([first.exit_accuracy[0], *first.exit_accuracy[1:]])


def test_the_report_comes_back_from_json(report: VersusReport) -> None:
    assert decode(report.to_json(), VersusReport, 1) == report


def test_only_bundles_of_different_seeds_make_a_band(report: VersusReport) -> None:
    assert bands(report) == []
    seeded = [msgspec.structs.replace(one, seed=seed) for seed, one in enumerate(report.bundles)]
    [row] = bands(msgspec.structs.replace(report, bundles=tuple(seeded)))
    assert row[0].startswith("mean of ")
    assert "± 0.000" in row[1]


def test_one_line_says_what_to_take_from_it(report: VersusReport) -> None:
    first, second = report.bundles
    own = msgspec.structs.replace(first.own, median_ms=first.own.median_ms / 2, accuracy=0.1, interval=(0.0, 0.9))
    found = msgspec.structs.replace(report, bundles=(msgspec.structs.replace(first, own=own), second))
    assert "2.00 times as fast" in advice(found) or "times as fast" in advice(found)
    assert "within what so many images can tell apart" in advice(found)
    far = msgspec.structs.replace(own, interval=(0.0, 0.01))
    found = msgspec.structs.replace(report, bundles=(msgspec.structs.replace(first, own=far), second))
    assert "more than these images explain by chance" in advice(found)


def test_csv_has_a_row_for_every_threshold(report: VersusReport) -> None:
    rows = list(csv.DictReader(io.StringIO(versus_csv(report))))
    assert [row["tau"] for row in rows] == ["own", "0", "0.3", "1"] * 2


@needs_browser
def test_the_page_shows_every_bundle(report: VersusReport, tmp_path: Path) -> None:
    seen = visit(
        versus_page(report),
        tmp_path,
        "seen.plots = document.querySelectorAll('.plot svg').length;"
        "seen.stars = document.querySelectorAll('.plot svg path.mark').length;"
        "seen.wide = document.documentElement.scrollWidth <= innerWidth;",
        width=500,
    )
    assert seen == {"errors": [], "plots": 2, "stars": 4, "wide": True, "loaded": []}


@pytest.mark.parametrize("setting", [{"rounds": 0}, {"timed": 0}, {"max_images": 0}])
def test_numbers_below_one_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="is 0; compare takes"):
        VersusConfig(**setting)  # type: ignore[arg-type]  # one of its numbers
