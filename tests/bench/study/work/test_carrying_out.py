import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_studies
from small_studies import Here, made, numbers, placed_runs, tiny_runs

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.runs import key_of
from eeinfer.bench.study.work.carrying_out import carry_out, standing_of
from eeinfer.bench.study.work.jobs import Job, time_again
from eeinfer.bench.study.work.messages import Failed, Finished
from eeinfer.errors import InputError
from eeinfer.machine.locks import locked
from eeinfer.progress import silent

Numbers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nothing stopped."""
    folder = tmp_path_factory.mktemp("plain")
    made(folder, tiny_runs("mixed"))
    return folder


@pytest.fixture(scope="module")
def plain(finished: Path) -> Numbers:
    return numbers_in(finished)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_ten_times_a_study_ends_with_the_same_numbers(plain: Numbers, tmp_path: Path) -> None:
    script = Path(small_studies.__file__)
    subprocess.run([sys.executable, script, tmp_path, "10", "4"], check=True, timeout=300)
    assert numbers_in(tmp_path) == plain


def test_killed_with_its_processes_at_work_it_goes_on(plain: Numbers, tmp_path: Path) -> None:
    command = [sys.executable, small_studies.__file__, tmp_path]
    first = subprocess.Popen(command)
    until(lambda: any(tmp_path.glob("work/*/*.pt")))
    first.kill()
    first.wait()
    until(lambda: lock_is_free(tmp_path))
    subprocess.run(command, check=True, timeout=300)
    assert numbers_in(tmp_path) == plain


def test_records_are_all_that_another_machine_needs(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "records", tmp_path / "records")
    pool = Here(Places(tmp_path))
    standing = carry_out(tiny_runs("mixed"), Places(tmp_path), pool, 1, lambda standing: None)
    assert pool.started == []
    assert not standing.failed


def test_a_record_names_no_folder_of_this_machine(finished: Path) -> None:
    [path] = (finished / "records").iterdir()
    assert str(Path.home()) not in (text := path.read_text())
    assert str(finished) not in text
    assert len(text) < 50_000


def test_times_are_taken_again_once_and_nothing_else_changes(finished: Path, plain: Numbers, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    [run], places = tiny_runs("mixed"), Places(tmp_path / "copy")
    before = places.read(run.key)
    assert time_again(run, places, silent)
    after = places.read(run.key)
    assert before is not None
    assert after is not None
    assert (before.times.alone, after.times.alone) == (False, True)
    assert numbers_in(tmp_path / "copy") == plain
    assert not time_again(run, places, silent)


def test_disjoint_has_one_last_exit_wherever_its_exits_sit(tmp_path: Path) -> None:
    """METHODS 5.1: the backbone does not know of the exits, so its own answers are the same to the last image."""
    made(tmp_path, placed_runs())
    records = [Places(tmp_path).read(run.key) for run in placed_runs()]
    assert len({record.test.exits_right[-1] for record in records if record}) == 1
    assert len({record.test.right[-1] for record in records if record}) == 1  # tau 1: nobody leaves before it
    assert len({record.key for record in records if record}) == 2


class Scripted(Here):
    """Jobs of a certain regime fail, the others only seem to be done."""

    def __init__(self, places: Places, fails: str) -> None:
        super().__init__(places)
        self.fails = fails

    def do(self, job: Job) -> Finished | Failed:
        return Failed(reason="no luck") if job.config.regime == self.fails else Finished()


def test_a_run_that_fails_is_reported_and_the_rest_go_on(tmp_path: Path) -> None:
    runs, places = tiny_runs("disjoint", "joint", "mixed"), Places(tmp_path)
    pool = Scripted(places, "joint")
    standing = carry_out(runs, places, pool, 1, lambda standing: None)
    assert standing.failed == {runs[1].key: "no luck"}
    assert len(pool.started) == 4  # phase 1, disjoint, joint, mixed
    assert runs[2].key in standing.done


def test_runs_fail_with_the_phase_1_that_they_need(tmp_path: Path) -> None:
    runs, places = tiny_runs("disjoint", "joint", "mixed"), Places(tmp_path)
    pool = Scripted(places, "+--")
    standing = carry_out(runs, places, pool, 1, lambda standing: None)
    assert {*standing.failed} == {key_of(runs[0].phase1 or pytest.fail("no phase 1")), runs[0].key, runs[2].key}
    assert standing.failed[runs[2].key] == "its phase 1 failed: no luck"
    assert runs[1].key in standing.done


def test_a_failure_of_settings_is_one_sentence(tmp_path: Path) -> None:
    config = replace(tiny_runs("joint")[0].config, exits=(99,))
    job = Job(key=key_of(config), config=config)
    message = Here(Places(tmp_path)).do(job)
    assert isinstance(message, Failed)
    assert "exit position 99 is out of range" in message.reason


def test_two_studies_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.work.mkdir(parents=True)
    with locked(places.work / ".lock", wait_s=0), pytest.raises(InputError, match="another study is being made"):
        carry_out(tiny_runs("joint"), places, Here(places), 1, lambda standing: None)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    runs, places = tiny_runs("joint"), Places(tmp_path)
    places.records.mkdir()
    places.record(runs[0].key).write_text('{"schema_version": 1')
    with pytest.raises(InputError, match=f"{runs[0].key}.json is no record of a run"):
        standing_of(runs, places)


def numbers_in(out: Path) -> Numbers:
    keys = (run.key for run in tiny_runs("mixed"))
    return {key: numbers(record) for key, record in Places(out).finished(keys).items()}


def lock_is_free(out: Path) -> bool:
    with locked(out / "work" / ".lock", wait_s=0) as mine:
        return mine


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)
