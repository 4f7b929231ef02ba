"""Which analyses are due, and one that is really made."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from small_studies import Here, made, tiny_runs
from study_records import analysis_record, record

from eeinfer.bench.study.analyses.plan import PLAN, analyses_of
from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.bench.study.places import Places
from eeinfer.bench.study.work import jobs
from eeinfer.bench.study.work.analysing import analysis_jobs
from eeinfer.bench.study.work.carrying_out import carry_out, standing_of
from eeinfer.bench.study.work.jobs import Job
from eeinfer.bench.study.work.messages import Failed, Finished
from eeinfer.errors import InputError

RUNS = tiny_runs("disjoint", "joint")
FIRST, SECOND = analyses_of(RUNS)


def with_weights(places: Places, key: str) -> None:
    places.folder(key).mkdir(parents=True)
    (places.folder(key) / "checkpoint.pt").touch()


def finish(places: Places, key: str) -> None:
    places.records.mkdir(exist_ok=True)
    places.record(key).write_bytes(record(key, test=(1, 2, 3, 4)).to_json())


def look_at(places: Places) -> None:
    """The first run has been looked at."""
    places.analyses.mkdir()
    found = analysis_record(FIRST.run)
    places.analysis(FIRST.key).write_bytes(
        AnalysisRecord.from_json(found.to_json())
        .to_json()
        .replace(f'"key":"{found.key}"'.encode(), f'"key":"{FIRST.key}"'.encode())
    )


def test_analyses_come_behind_the_runs_and_the_noise_before_those_that_take_it(tmp_path: Path) -> None:
    due = standing_of(RUNS, Places(tmp_path), analyses=True).jobs
    assert [job.task for job in due] == ["phase 1", "run", "run", "analysis", "analysis"]
    assert due[3].needs == (RUNS[0].key,)
    assert due[4].needs == (RUNS[1].key, due[3].key)
    assert (due[3].noise, due[4].noise) == (None, due[3].key)
    assert [job.task for job in standing_of(RUNS, Places(tmp_path)).jobs] == ["phase 1", "run", "run"]


def test_nothing_is_trained_again_for_an_analysis(tmp_path: Path) -> None:
    places = Places(tmp_path)
    for run in RUNS:
        finish(places, run.key)
    assert analysis_jobs(RUNS, places, due=()) == ()
    with_weights(places, SECOND.run)
    assert analysis_jobs(RUNS, places, due=()) == ()  # nothing here says which noise
    look_at(places)
    [job] = analysis_jobs(RUNS, places, due=())
    assert (job.key, job.needs, job.noise) == (SECOND.key, (), FIRST.key)


def test_a_damaged_analysis_is_named(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.analyses.mkdir()
    places.analysis(FIRST.key).write_text("{")
    with pytest.raises(InputError, match=f"{FIRST.key}.json is no record of an analysis"):
        analysis_jobs(RUNS, places, due=())


class Unlucky(Here):
    """The analysis that chooses the noise fails."""

    def do(self, job: Job) -> Finished | Failed:
        return Failed(reason="no luck") if job.key == FIRST.key else Finished()


def test_what_takes_its_noise_fails_with_it_and_the_runs_do_not(tmp_path: Path) -> None:
    places = Places(tmp_path)
    standing = carry_out(RUNS, places, Unlucky(places), 1, lambda standing: None, analyses=True)
    assert standing.failed == {FIRST.key: "no luck", SECOND.key: "its reference failed: no luck"}
    assert {run.key for run in RUNS} <= standing.done


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of a second."""
    plan = replace(PLAN, rank_images=40, rank_columns=32, information_images=40, plane_images=32, plane_steps=3)
    monkeypatch.setattr(jobs, "PLAN", plan)


def test_a_network_is_looked_at_once_and_the_same_each_time(little: None, tmp_path: Path) -> None:
    runs, places = tiny_runs("joint"), Places(tmp_path)
    made(tmp_path, runs)  # a study that was made without analyses
    [what] = analyses_of(runs)
    pool = Here(places)
    assert not carry_out(runs, places, pool, 1, lambda standing: None, analyses=True).failed
    assert pool.started == [what.key]
    first = places.read_analysis(what.key)
    assert first is not None
    assert (first.run, len(first.landscape.exits), len(first.rank)) == (runs[0].key, 3, len(first.information))
    assert str(tmp_path) not in places.analysis(what.key).read_text()
    carry_out(runs, places, again := Here(places), 1, lambda standing: None, analyses=True)
    assert again.started == []
    shutil.rmtree(places.analyses)
    carry_out(runs, places, Here(places), 1, lambda standing: None, analyses=True)
    second = places.read_analysis(what.key)
    assert second is not None
    assert (first.rank, first.information, first.landscape) == (second.rank, second.information, second.landscape)
