"""Bundles against each other."""

import csv
import io
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rich.console import Console
from some_reports import some_versus

import eeinfer
from eeinfer.bench.reporting.records import decode
from eeinfer.bench.versus import VersusConfig, VersusReport, compare_bundles, render_versus, versus_csv, versus_page
from eeinfer.bench.versus.advice import advice
from eeinfer.bench.versus.paired import holm, mcnemar, paired
from eeinfer.bench.versus.table import bands
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


def test_what_ran_each_bundle_and_why_is_told(report: VersusReport) -> None:
    page = versus_page(report)
    for one in report.bundles:
        assert one.how is not None
        assert one.how.startswith("ONNX Runtime")
        assert f"{one.label} ran by" in page


def test_the_report_comes_back_from_json(report: VersusReport) -> None:
    assert decode(report.to_json(), VersusReport, 2) == report


def test_only_bundles_of_different_seeds_make_a_band(report: VersusReport) -> None:
    assert bands(report) == []
    seeded = [msgspec.structs.replace(one, seed=seed) for seed, one in enumerate(report.bundles)]
    [row] = bands(msgspec.structs.replace(report, bundles=tuple(seeded)))
    assert row[0].startswith("mean of ")
    assert "± 0.000" in row[1]


def altered(report: VersusReport, *, times: tuple[float, float], sure: bool, rounds: int = 8) -> VersusReport:
    """The same with other times, the second more accurate, and the pair's test as said."""
    owns = [msgspec.structs.replace(one.own, median_ms=ms) for one, ms in zip(report.bundles, times, strict=True)]
    owns[0] = msgspec.structs.replace(owns[0], accuracy=0.0)
    bundles = [
        msgspec.structs.replace(one, own=own, agreement=agreement)
        for one, own, agreement in zip(report.bundles, owns, (1.0, 0.5), strict=True)
    ]
    pair = msgspec.structs.replace(report.pairs[0], p_corrected=0.01 if sure else 0.4)
    return msgspec.structs.replace(report, bundles=tuple(bundles), pairs=(pair,), rounds=rounds)


def alike(report: VersusReport, times: tuple[float, ...]) -> VersusReport:
    """The same with these times and no image that one alone gets right; as many bundles as times."""
    first = report.bundles[0]
    bundles = [
        msgspec.structs.replace(first, label=f"b{at}", own=msgspec.structs.replace(first.own, median_ms=ms))
        for at, ms in enumerate(times)
    ]
    pairs = paired({one.label: np.ones(60, bool) for one in bundles}, seed=0)
    return msgspec.structs.replace(report, bundles=tuple(bundles), pairs=pairs, rounds=8)


def test_one_line_says_what_to_take_from_it(report: VersusReport) -> None:
    first, second = (one.label for one in report.bundles)
    quick = advice(altered(report, times=(1.0, 2.0), sure=False))
    assert quick.startswith(f"Take {first}: it is 2.00 times as fast as {second}, and the ")
    assert quick.endswith("are within what 60 images can tell apart (p = 0.400).")
    dear = advice(altered(report, times=(1.0, 2.0), sure=True))
    assert dear.startswith(f"Choose: {first} is 2.00 times as fast as {second}, the most accurate, and ")
    assert dear.endswith("less accurate, which is more than chance explains (p = 0.010).")
    ahead = f"Take {second}: it is 2.00 times as fast as {first}"
    assert advice(altered(report, times=(2.0, 1.0), sure=True)) == (
        f"{ahead}, and it is more accurate than {first} by more than chance explains."
    )
    unsure = advice(altered(report, times=(2.0, 1.0), sure=False))
    assert unsure == f"{ahead}; whether it is more accurate than {first}, 60 images cannot tell."
    assert advice(altered(report, times=(1.0, 1.02), sure=True)).startswith(
        f"Take {second}: neither is quicker by more than the 3 % that rounds differ by, and it is more accurate than"
    )
    assert advice(altered(report, times=(1.0, 1.0), sure=False)) == (
        "Take either: neither is quicker by more than the 3 % that rounds differ by, and on 60 images neither is shown "
        "to be more accurate."
    )


def test_bundles_that_answer_alike_are_told_apart_by_time_alone(report: VersusReport) -> None:
    even = "is quicker by more than the 3 % that rounds differ by, and all 60 images have the same answers from"
    assert advice(alike(report, (1.0, 1.01))) == f"Take either: neither {even} both."
    assert advice(alike(report, (1.0, 1.01, 1.02))) == f"Take any: none {even} all."
    same = "and all 60 images have the same answers from"
    assert advice(alike(report, (2.0, 1.0))) == f"Take b1: it is 2.00 times as fast as b0, {same} both."
    assert advice(alike(report, (2.0, 1.0, 1.5))) == f"Take b1: it is 1.50 times as fast as the next, b2, {same} all."
    assert advice(alike(report, (2.0, 1.0, 1.01))) == (
        f"Take b1: none is quicker by more than the 3 % that rounds differ by, {same} all."
    )


def test_the_advice_of_one_or_two_rounds_says_how_little_they_tell(report: VersusReport) -> None:
    told = advice(altered(report, times=(2.0, 1.0), sure=True, rounds=2))
    assert told.endswith(
        "explains. Times of 2 rounds alone are upset by one disturbance: compare again with --rounds 8, say."
    )
    assert "alone" not in advice(altered(report, times=(2.0, 1.0), sure=True, rounds=3))


@pytest.mark.parametrize(("mine", "theirs", "p"), [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64), (1, 9, 2 * 11 / 1024)])
def test_the_exact_test_counts_images_that_one_alone_gets_right(mine: int, theirs: int, p: float) -> None:
    assert mcnemar(mine, theirs) == pytest.approx(p)
    assert mcnemar(theirs, mine) == pytest.approx(p)


def test_p_values_are_corrected_for_their_number() -> None:
    assert holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])
    assert holm([0.03, 0.02]) == pytest.approx([0.04, 0.04])


def test_a_pair_tells_apart_what_overlapping_intervals_do_not() -> None:
    base = np.arange(1000) < 900
    better = base.copy()
    better[900:912] = True  # 12 more, and none lost: exact intervals of 90 % and 91.2 % overlap widely
    [pair] = paired({"a": base, "b": better}, seed=0)
    assert (pair.only_one, pair.only_other) == (0, 12)
    assert pair.difference == pytest.approx(0.012)
    assert 0 < pair.interval[0] < pair.difference < pair.interval[1]
    assert pair.sure
    assert not paired({"a": base, "b": base}, seed=0)[0].sure


def test_csv_has_a_row_for_every_threshold(report: VersusReport) -> None:
    rows = list(csv.DictReader(io.StringIO(versus_csv(report))))
    assert [row["tau"] for row in rows] == ["own", "0", "0.3", "1"] * 2


def test_the_page_and_the_terminal_say_which_is_better_of_every_two(report: VersusReport) -> None:
    page = versus_page(some_versus())
    rows = re.findall(r"some-(\d).eeb</td><td>runs/[^<]*some-(\d).eeb</td><td>([^<]*)</td>", page)
    assert rows == [("1", "0", "yes"), ("2", "0", "yes"), ("2", "1", "not shown")]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render_versus(report))
    assert "is it better" in console.export_text()


@pytest.mark.parametrize("setting", [{"rounds": 0}, {"timed": 0}, {"max_images": 0}])
def test_numbers_below_one_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="is 0; compare takes"):
        VersusConfig(**setting)  # type: ignore[arg-type]  # one of its numbers
