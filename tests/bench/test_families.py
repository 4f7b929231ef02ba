"""Measurements at thresholds of every family, from the pass over the images to the page."""

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

import eeinfer
from eeinfer.bench import BenchConfig, Report, measure, render
from eeinfer.bench.reporting.files import csv_table
from eeinfer.bench.reporting.page import html_page
from eeinfer.bench.sweep.quantiles import budget_taus
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import InputError
from eeinfer.rule import exits_at
from eeinfer.thresholds.split import halves

FAST = BenchConfig(rounds=1, min_seconds=0, max_seconds=1, warmup=0, pairs=1, threads=1, latency_samples=8)
Scored = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Copies of bundles that say of themselves that they are judged by something else."""

    def copy(bundle: Path, score: str) -> Path:
        target = shutil.copytree(bundle, tmp_path_factory.mktemp(score) / "copy.eeb")
        write_manifest(target, msgspec.structs.replace(Bundle.open(target).manifest, score=score))
        return target

    return copy


@pytest.fixture(scope="module")
def budgets(tiny_bundle: Path, digits: Any) -> Report:
    return measure(tiny_bundle, *digits, config("budget"), data="noise")


@pytest.fixture(scope="module")
def entropies(tiny_bundle: Path, digits: Any, scored: Scored) -> Report:
    return measure(scored(tiny_bundle, "entropy"), *digits, config("auto", thresholds=20), data="noise")


@pytest.fixture(scope="module")
def patience(scripted_bundle: Path, scored: Scored) -> Report:
    """Ten rows of each run of three exits; a row's name is its prediction, and every other label is wrong."""
    runs = np.repeat([[1, 2, 3], [1, 1, 2], [1, 2, 1], [1, 1, 1]], 10, axis=0) / 3
    rows = np.concatenate([runs, np.arange(40)[:, None]], axis=1).astype(np.float32)
    return measure(scored(scripted_bundle, "own"), rows, np.arange(40) // 2 * 2, config("auto"))


@pytest.fixture(params=["budgets", "entropies", "patience"])
def found(request: pytest.FixtureRequest) -> Report:
    report: Report = request.getfixturevalue(request.param)
    return report


def config(grid: str, thresholds: int = 100) -> BenchConfig:
    return replace(FAST, grid=grid, thresholds=thresholds)


def test_budgets_are_fitted_on_one_half_and_reported_on_the_other(
    budgets: Report, tiny_engine: eeinfer.Engine, digits: Any
) -> None:
    images, labels = digits
    fitted, kept = halves(40, 0)
    every = tiny_engine.all_exits(images)
    assert (budgets.data.calibration, budgets.data.images) == (20, 20)
    assert sorted(row.point for row in budgets.thresholds) == list(range(1, 40))
    for row in budgets.thresholds:
        assert list(row.taus) == budget_taus(every.scores[fitted], int(row.point)).tolist()
        result = tiny_engine(images[kept], tau=row.taus)
        assert result.exits.tolist() == exits_at(every.scores[kept], row.taus).tolist()
        assert row.accuracy == pytest.approx((result.predictions == labels[kept]).mean())
        assert row.shares == pytest.approx(np.bincount(result.exits, minlength=3) / 20)


def test_entropy_takes_the_log_grid(entropies: Report) -> None:
    assert (entropies.grid.family, entropies.grid.parameter) == ("log", "entropy")
    assert [row.taus for row in entropies.thresholds] == sorted(row.taus for row in entropies.thresholds)
    assert (entropies.thresholds[0].taus[0], entropies.thresholds[-1].taus[0]) == (0, 1)
    assert (entropies.thresholds[0].point, entropies.thresholds[-1].point) == (pytest.approx(np.log(5)), 0)
    assert len(entropies.thresholds) == 17  # of 20: three entropies lie above ln 5


def test_run_lengths_take_the_patience_list(patience: Report) -> None:
    assert (patience.grid.family, patience.data.images, patience.data.calibration) == ("patience", 40, 0)
    assert [row.point for row in patience.thresholds] == [0, 1, 2, 3]
    assert [row.shares for row in patience.thresholds] == [(1, 0, 0), (0, 0.5, 0.5), (0, 0, 1), (0, 0, 1)]


def test_the_clock_ran_at_these_very_thresholds(found: Report) -> None:
    assert {row.agreement for row in found.thresholds} == {1.0}
    costs = [row.mean_flops for row in found.thresholds]
    assert costs == sorted(costs)


def test_the_report_survives_json_and_says_which_thresholds_these_are(found: Report) -> None:
    assert Report.from_json(found.to_json()) == found
    page = html_page(found)
    assert page.count("<svg") == 3
    assert f"one point per {found.grid.parameter}" in page
    assert f"{found.grid.family}: {len(found.thresholds)}" in page
    assert (f"fitted on {found.data.calibration} others" in page) == (found.grid.family == "budget")


def test_the_table_names_its_points_and_holds_their_vectors(found: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(found))))
    assert [float(row[found.grid.parameter]) for row in rows] == [row.point for row in found.thresholds]
    taus = [tuple(float(row[f"tau_exit_{k}"]) for k in range(3)) for row in rows]
    assert taus == [row.taus for row in found.thresholds]


def test_the_terminal_fits_into_eighty_columns(found: Report) -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(render(found))
    assert "\u2026" not in out.getvalue()
    assert f"exits at {found.grid.parameter} " in out.getvalue()


def test_where_no_threshold_is_near_the_static_network_the_report_does_not_claim_one(budgets: Report) -> None:
    static = msgspec.structs.replace(budgets.static, accuracy=1.0)
    page = html_page(msgspec.structs.replace(budgets, static=static, headline=38))
    assert "the dearest threshold: none is within 1.0 points" in page


def test_a_family_for_another_score_is_refused(tiny_bundle: Path, digits: Any) -> None:
    with pytest.raises(InputError, match="this bundle's score is max_softmax"):
        measure(tiny_bundle, *digits, config("log"))
