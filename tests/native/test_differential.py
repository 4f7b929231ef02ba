"""A few seconds of what tests/native/differential.py does for hours."""

from collections import Counter
from pathlib import Path

import pytest
from differential import run


@pytest.mark.parametrize(("kind", "count"), [("manifest", 1500), ("bundle", 200)])
def test_what_one_reader_accepts_the_other_accepts(reader: Path, tmp_path: Path, kind: str, count: int) -> None:
    found = list(run(kind, range(count), 7, reader, tmp_path))
    assert [(number, ours, theirs) for number, what, ours, theirs in found if what == "different"] == []
    counts = Counter(what for _, what, _, _ in found)
    assert sum(counts.values()) == count
    assert counts["accepted"] >= count // 20  # damage that no reader takes would prove nothing
    assert counts["refused"] >= count // 3
    assert counts["otherwise"] <= count // 10  # two faults at once, of which each names the one it meets first
