"""`eeinfer thresholds`: its table, its exit status, and that mistakes are one line."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from certificates import certified
from cli_runs import Run, only_line

import eeinfer.bench.thresholds.find as find
from eeinfer.bench import BenchConfig
from eeinfer.bundle.certificate import files_digest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.watching.tally import Tally

FAST = BenchConfig(rounds=1, min_seconds=0, max_seconds=0.1, warmup=0, pairs=1, threads=1, latency_samples=4)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time the answer for as short as possible."""
    slow = find.find_thresholds

    def fast(*given: Any, **named: Any) -> Any:
        return slow(*given, **named, timing=FAST)

    monkeypatch.setattr(find, "find_thresholds", fast)


def test_a_kept_promise_is_written_into_the_bundle_and_shown(run: Run, bundle_copy: Path, labelled: Path) -> None:
    done = run("thresholds", bundle_copy, "--data", labelled, "--budget-flops", "90%", "--confidence", "80%")
    assert done.status == 0, done.err
    assert "at most 90 % of the static network's FLOPs on average, confidence 80 %" in done.out
    for name in ("static network", "certified", "never early", "kept by tau"):
        assert name in done.out
    shown = run("inspect", bundle_copy).out
    assert "certificate: at most 90 % of the static network's FLOPs" in shown
    assert "  holds" in shown
    assert json.loads(run("inspect", bundle_copy, "--json").out)["certificate_void"] is None


def test_a_promise_that_is_not_shown_exits_with_three(run: Run, bundle_copy: Path, labelled: Path) -> None:
    before = (bundle_copy / "manifest.json").read_bytes()
    done = run("thresholds", bundle_copy, "--data", labelled, "--consistency", "99%")
    assert done.status == 3
    assert "no thresholds are shown to keep this promise; the bundle stays as it is" in done.out
    assert (bundle_copy / "manifest.json").read_bytes() == before


def test_as_json(run: Run, bundle_copy: Path, labelled: Path, tmp_path: Path) -> None:
    given = ("--data", labelled, "--budget-flops", "0.9", "--out", tmp_path / "new.eeb", "--json")
    done = run("thresholds", bundle_copy, *given)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["promise"] == {"kind": "budget_flops", "value": 0.9, "percentile": None}
    certificate = Bundle.open(tmp_path / "new.eeb").manifest.certificate
    assert certificate is not None
    assert found["certificate"]["taus"] == list(certificate.taus)
    assert Bundle.open(bundle_copy).manifest.certificate is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((), "give exactly one, not none"),
        (("--max-loss", "1%", "--budget-ms", 2), "not --max-loss and --budget-ms"),
        (("--max-loss", "1"), "--max-loss is 1; is that 1%?"),
        (("--max-loss", "some"), "give a percentage"),
        (("--max-loss", "0%"), "--max-loss is 0%; allowed are percentages above 0% and below 100%, such as 1%"),
        (("--max-loss=-1%",), "--max-loss is -1%; allowed are percentages above 0% and below 100%, such as 1%"),
        (("--max-loss=-0.01",), "--max-loss is -0.01; allowed are percentages above 0% and below 100%, such as 1%"),
        (("--max-loss", "150%"), "--max-loss is 150%; allowed are percentages above 0% and below 100%, such as 1%"),
        (("--max-loss", "nan"), "--max-loss is nan; allowed are percentages above 0% and below 100%"),
        (("--min-accuracy", "100%"), "--min-accuracy is 100%; allowed are percentages above 0% and below 100%"),
        (("--consistency", "inf"), "--consistency is inf; allowed are percentages above 0% and below 100%"),
        (("--budget-flops=-5%",), "--budget-flops is -5%; allowed are percentages above 0%, such as 40%"),
        (("--budget-ms=-3",), "budget_ms is -3.0; allowed are milliseconds above 0"),
        (("--max-loss", "1%", "--percentile", 99), "goes with budget_ms"),
        (("--max-loss", "1%", "--confidence", "100%"), "--confidence is 100%; allowed are percentages above 0%"),
        (("--budget-flops", "1%"), "leaving at the first exit takes"),
    ],
)
def test_mistakes_are_one_line(
    run: Run, bundle_copy: Path, labelled: Path, given: tuple[Any, ...], reason: str
) -> None:
    done = run("thresholds", bundle_copy, "--data", labelled, *given)
    assert done.status == 1
    assert reason in only_line(done.err.splitlines()[-1])


def watch_of(bundle: Path, path: Path, exits: tuple[int, ...]) -> Path:
    """Save a watch with these counts of a certified bundle."""
    manifest = Bundle.open(bundle).manifest
    tally = Tally(len(exits))
    tally.add(np.repeat(np.arange(len(exits)), exits), np.full(sum(exits), 0.9, np.float32), own=True)
    tally.watch(manifest.name, files_digest(manifest.files), manifest.taus).save(path)
    return path


def test_a_watch_like_the_certificate_has_ground(run: Run, bundle_copy: Path, tmp_path: Path) -> None:
    certified(bundle_copy)  # 40, 35, 25
    done = run("thresholds", bundle_copy, "--against", watch_of(bundle_copy, tmp_path / "watch.json", (80, 70, 50)))
    assert done.status == 0, done.err
    assert "the promise still has ground" in done.out
    assert "40.0" in done.out


def test_a_watch_of_other_shares_has_none(run: Run, bundle_copy: Path, tmp_path: Path) -> None:
    certified(bundle_copy)
    watch = watch_of(bundle_copy, tmp_path / "watch.json", (30, 70, 100))
    done = run("thresholds", bundle_copy, "--against", watch, "--false-alarms", "2%")
    assert done.status == 3
    assert "no ground any more" in done.out
    assert "false alarms 2 %" in done.out
    found = json.loads(run("thresholds", bundle_copy, "--against", watch, "--json").out)
    assert (found["holds"], found["certified"], found["seen"]) == (False, [40, 35, 25], [30, 70, 100])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--max-loss", "1%"), "leave out --max-loss"),
        (("--data", "x.npz"), "leave out --data"),
        (("--false-alarms", "0%"), "false_alarms is 0.0"),
        (("--false-alarms", "never"), "give a percentage"),
    ],
)
def test_mistakes_with_a_watch_are_one_line(
    run: Run, bundle_copy: Path, tmp_path: Path, given: tuple[str, str], reason: str
) -> None:
    certified(bundle_copy)
    watch = watch_of(bundle_copy, tmp_path / "watch.json", (80, 70, 50))
    done = run("thresholds", bundle_copy, "--against", watch, *given)
    assert done.status == 1
    assert reason in only_line(done.err)


def test_a_watch_needs_a_certificate_that_holds(run: Run, bundle_copy: Path, tmp_path: Path) -> None:
    watch = watch_of(bundle_copy, tmp_path / "watch.json", (80, 70, 50))
    assert "has no certificate" in only_line(run("thresholds", bundle_copy, "--against", watch).err)
    manifest = Bundle.open(bundle_copy).manifest
    certified(bundle_copy)
    holding = Bundle.open(bundle_copy).manifest
    write_manifest(bundle_copy, msgspec.structs.replace(holding, taus=manifest.taus))
    assert "does not hold: it is for the thresholds" in only_line(
        run("thresholds", bundle_copy, "--against", watch).err
    )


def test_false_alarms_are_of_a_watch(run: Run, bundle_copy: Path) -> None:
    done = run("thresholds", bundle_copy, "--max-loss", "1%", "--false-alarms", "1%")
    assert "without --against" in only_line(done.err)


def test_the_shipped_bundle_is_not_changed(run: Run) -> None:
    done = run("thresholds", "--consistency", "99%")
    assert done.status == 1
    assert "name a place for a copy with --out" in done.err
