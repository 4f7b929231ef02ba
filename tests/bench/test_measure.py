from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eeinfer.bench import BenchConfig, Report, measure
from eeinfer.bench.reporting.sentences import selection_note
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, DataError, InputError


def test_every_threshold_has_a_row_and_was_run_on_the_sample(report: Report) -> None:
    assert [row.point for row in report.thresholds] == np.linspace(0, 1, 11).tolist()
    assert [row.taus for row in report.thresholds] == [(tau,) * 3 for tau in np.linspace(0, 1, 11)]
    assert {row.timing.calls for row in report.thresholds} == {12 * report.settings.rounds}
    assert report.data.timed == 12
    assert report.settings.rounds >= 2


def test_the_timed_cascade_leaves_where_the_sweep_says(report: Report) -> None:
    assert {row.agreement for row in report.thresholds} == {1.0}


def test_the_last_threshold_answers_as_the_static_network(report: Report) -> None:
    last = report.thresholds[-1]
    assert last.accuracy == report.static.accuracy == report.all_exits.accuracy
    assert last.shares == (0, 0, 1)
    assert last.mean_flops == report.all_exits.flops == 600
    assert report.static.flops == 550
    assert last.saved_ratio is None  # it costs more than the static network


def test_the_first_threshold_answers_as_the_network_cut_at_the_first_exit(report: Report) -> None:
    first = report.thresholds[0]
    assert first.accuracy == report.cuts[0].accuracy
    assert first.mean_flops == report.cuts[0].flops == 100


def test_every_exit_is_compared_with_the_network_cut_there(report: Report) -> None:
    assert [row.name for row in report.overheads] == [
        "leaving at exit 0, against cut at exit 0",
        "leaving at exit 1, against cut at exit 1",
        "leaving at exit 2, against static network",
        "never leaving, against all exits",
    ]
    assert all(row.ratio > 0 and row.pairs >= 1 for row in report.overheads)
    assert [row.exit for row in report.break_even] == [0, 1]


def test_the_report_says_where_it_comes_from(report: Report, tiny_bundle: Path) -> None:
    assert (report.bundle.name, report.data.name, report.data.images) == ("tiny", "noise", 40)
    assert report.bundle.modules == ("stage0", "stage1", "stage2")
    assert report.environment.threads == 1
    text = report.to_json().decode()
    assert str(tiny_bundle) not in text
    assert str(Path.home()) not in text


def test_batches_are_timed_as_calls(tiny_bundle: Path, digits: Any) -> None:
    config = BenchConfig(
        thresholds=3, batch=4, latency_samples=10, rounds=1, min_seconds=0, warmup=0, pairs=1, threads=1
    )
    found = measure(tiny_bundle, *digits, config)
    assert (found.data.timed, found.settings.batch) == (16, 4)
    assert {row.timing.calls for row in found.thresholds} == {4}
    assert {row.agreement for row in found.thresholds} == {1.0}


def test_a_part_of_the_images_can_stand_for_all(tiny_bundle: Path, digits: Any) -> None:
    few = BenchConfig(thresholds=2, max_images=9, rounds=1, min_seconds=0, warmup=0, pairs=1, threads=1)
    assert measure(tiny_bundle, *digits, few).data.images == 9


def test_images_may_come_one_by_one(tiny_bundle: Path, digits: Any, report: Report, quick: BenchConfig) -> None:
    images, labels = digits
    found = measure(tiny_bundle, list(images), labels, quick)
    assert [row.accuracy for row in found.thresholds] == [row.accuracy for row in report.thresholds]


def test_progress_counts_up_to_what_was_planned(tiny_bundle: Path, digits: Any) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}
    quick = BenchConfig(thresholds=2, rounds=1, min_seconds=0, warmup=0, pairs=1, threads=1, latency_samples=8)
    measure(tiny_bundle, *digits, quick, lambda what, done, of: seen.setdefault(what, []).append((done, of)))
    assert len(seen) == 6
    for steps in seen.values():
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert all(steps[-1][0] == steps[-1][1] for what, steps in seen.items() if "choosing" not in what)


def test_a_slow_networks_thresholds_share_runs_and_the_report_says_so(tiny_bundle: Path, digits: Any) -> None:
    config = BenchConfig(thresholds=50, rounds=1, min_seconds=0, max_seconds=0, warmup=0, pairs=1, threads=1)
    found = measure(tiny_bundle, *digits, config)
    assert found.settings.runs < 50
    assert {row.agreement for row in found.thresholds} == {1.0}
    assert f"{found.settings.runs} of 50 run" in selection_note(found)


def test_an_exit_that_scores_nothing_is_left_out_of_the_overheads(scripted_bundle: Path) -> None:
    draw = np.random.default_rng(0)
    rows = np.concatenate([np.zeros((20, 1)), draw.random((20, 2)), np.arange(20)[:, None]], axis=1)
    config = BenchConfig(thresholds=3, rounds=1, min_seconds=0, warmup=0, pairs=1, threads=1, latency_samples=8)
    found = measure(scripted_bundle, rows.astype(np.float32), np.arange(20), config)
    assert [row.exit for row in found.overheads] == [1, 2, 2]
    assert found.break_even == ()


def test_the_bundle_is_not_touched(report: Report, tiny_bundle: Path) -> None:
    assert report.bundle.sha256
    Bundle.open(tiny_bundle)


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [(3, [0, 1], DataError), (3, [0, 1, 5], DataError), (0, [], DataError), (3, [0.5, 1.0, 1.0], DataError)],
)
def test_labels_that_do_not_fit_are_refused(
    tiny_bundle: Path, images: int, labels: Any, error: type, quick: BenchConfig
) -> None:
    with pytest.raises(error):
        measure(tiny_bundle, np.zeros((images, 8, 8), np.uint8), np.array(labels), quick)


def test_a_batch_larger_than_the_data_is_refused(tiny_bundle: Path, digits: Any) -> None:
    with pytest.raises(InputError, match="batch is 64"):
        measure(tiny_bundle, *digits, BenchConfig(batch=64, threads=1))


def test_a_missing_bundle_is_refused(tmp_path: Path, digits: Any, quick: BenchConfig) -> None:
    with pytest.raises(BundleError):
        measure(tmp_path / "nothing.eeb", *digits, quick)
