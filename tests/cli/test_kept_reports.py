"""A report that exists is kept."""

import json
from pathlib import Path

import pytest
from cli_runs import Run


@pytest.mark.usefixtures("quick_bench")
def test_the_next_report_gets_a_number_unless_forced(run: Run, tiny_bundle: Path, labelled: Path) -> None:
    done = [run("bench", tiny_bundle, "--data", labelled, "--thresholds", 3) for _ in range(3)]
    folders = [Path(name) for name in ("tiny-bench", "tiny-bench-2", "tiny-bench-3")]
    assert all((folder / "report.json").is_file() for folder in folders)
    assert "tiny-bench holds a report already, which stays: this one goes to tiny-bench-3" in done[2].err
    before = (folders[0] / "report.json").read_bytes()
    run("bench", tiny_bundle, "--data", labelled, "--thresholds", 2, "--force")
    assert len(json.loads((folders[0] / "report.json").read_bytes())["thresholds"]) == 2
    assert before != (folders[0] / "report.json").read_bytes()
    assert not Path("tiny-bench-4").exists()


def test_another_kind_of_report_goes_beside_it(
    run: Run, tiny_bundle: Path, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eeinfer.bench.callers.CallersConfig.turn_seconds", 0.01)
    Path("tiny-bench").mkdir()
    Path("tiny-bench/report.json").write_text("{}")
    run("bench", tiny_bundle, "--data", labelled, "--callers", "1", "--rounds", 1, "--out", "tiny-bench")
    assert sorted(path.name for path in Path("tiny-bench").iterdir()) == [
        *("callers.csv", "callers.html", "callers.json", "report.json"),
    ]
