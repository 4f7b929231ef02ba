"""The file of a watch: what is written is read, and what nobody wrote is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from eeinfer.errors import InputError
from eeinfer.watching import Watch
from eeinfer.watching.tally import Tally


def some_watch() -> Watch:
    tally = Tally(2)
    for call in ((0, 0.93, 2.0, True), (1, 0.4, 4.0, True), (1, 0.3, 3.0, False)):
        tally.log.append(call)
    return tally.watch("net", "ab" * 32, (0.5, 0.0))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    watch = some_watch()
    watch.save(tmp_path / "watch.json")
    assert Watch.load(tmp_path / "watch.json") == watch
    assert [path.name for path in tmp_path.iterdir()] == ["watch.json"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "it has format 2"),
        ({"taus": [0.5]}, "it has 1 taus and 2 exits"),
        ({"taus": [0.5, 2]}, "a tau outside"),
        ({"files_sha256": "no"}, "no SHA-256"),
        ({"other_rows": -1}, "less than no rows"),
        ({"unanswered": "none"}, "Expected `int`"),
        ({"surprise": 1}, "unknown field"),
        ({"exits": []}, "2 taus and 0 exits"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / "watch.json"
    some_watch().save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=reason):
        Watch.load(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rows": 2}, "exit 0 has other rows in its bins than it counts"),
        ({"scores": [1]}, "exit 0 has 1 bins of scores"),
        ({"calls": 2}, "exit 0 has other rows"),
        ({"mean_ms": 5.0}, "took 5 ms on average and 2 ms at most"),
        ({"mean_ms": -1.0}, "took -1 ms"),
        ({"scores": [2, -1, *[0] * 18]}, "less than no rows"),
    ],
)
def test_contradictions_of_an_exit_are_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = tmp_path / "watch.json"
    some_watch().save(path)
    facts = json.loads(path.read_text())
    facts["exits"][0].update(change)
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match=reason):
        Watch.load(path)


@pytest.mark.parametrize("content", [b"", b"[", b"[]", b"{}", b"\xff\xfe", b'{"format_version": NaN}', b"[" * 10**5])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "watch.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"watch\.json .*engine\.watch\(\)"):
        Watch.load(path)


@pytest.mark.parametrize("name", ["missing.json", "folder", "null\0"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        Watch.load(tmp_path / name)
