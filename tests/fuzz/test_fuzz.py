"""A few seconds of what tests/fuzz/fuzz_run.py does for hours."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fuzz_run import SOUND, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and their memory is limited")


@pytest.mark.parametrize(("kind", "count"), [("bundle", 150), ("checkpoint", 4)])
def test_damage_ends_in_our_errors_or_in_sound_answers(kind: str, count: int, tmp_path: Path) -> None:
    found = dict(run(kind, range(count), 12, tmp_path))
    assert not {number: outcome for number, outcome in found.items() if outcome not in SOUND}
    assert sorted(found) == list(range(count))
    assert Counter(found.values())["refused"] >= count // 10


def test_a_process_that_dies_is_a_fault_of_its_mutation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    import fuzz_run

    judged = fuzz_run.judged
    monkeypatch.setattr(fuzz_run, "judged", lambda *facts: os._exit(9) if facts[3] == 2 else judged(*facts))
    found = dict(run("bundle", range(5), 0, tmp_path))
    assert [number for number, outcome in found.items() if outcome not in SOUND] == [2]
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_a_process_that_computes_for_too_long_is_a_fault_and_one_that_waits_for_the_processor_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    import fuzz_run

    judged = fuzz_run.judged

    def slow(*facts: Any) -> str:
        if facts[3] == 1:
            time.sleep(1.5)  # longer than the limit by the clock
        while facts[3] == 2:
            pass
        return judged(*facts)

    monkeypatch.setattr(fuzz_run, "judged", slow)
    monkeypatch.setattr(fuzz_run, "LIMIT_S", 1.0)
    found = dict(run("bundle", range(4), 0, tmp_path))
    assert [number for number, outcome in found.items() if outcome not in SOUND] == [2]
