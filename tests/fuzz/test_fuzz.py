"""A few seconds of what tests/fuzz/fuzz_run.py does for hours."""

import sys
from collections import Counter
from pathlib import Path

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
