"""Records of this machine: one that another eeinfer wrote is told as that, whatever else it holds."""

import logging
from pathlib import Path

import msgspec
import pytest

from eeinfer.machine.records import find_record, save_record


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int = 2
    text: str


def found(path: Path) -> Note | None:
    return find_record(path, Note, lambda _: None, version=2, most_bytes=1000, mend="eeinfer tune m.eeb")


def test_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "below" / "note.json"
    assert found(path) is None
    assert save_record(path, Note(text="this")) == path
    assert found(path) == Note(text="this")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"version": 1, "words": []}', "it is from an older eeinfer (version 1, this one reads 2)"),
        (b'{"version": 3, "text": "that", "more": 1}', "it is from a newer eeinfer (version 3, this one reads 2)"),
        (b'{"version": 2}', "Object missing required field `text`"),
        (b"{}", "Object missing required field `version`"),
        (b'{"version": 1', "Input data was truncated"),
    ],
)
def test_one_of_another_version_is_told_from_one_that_is_damaged(
    tmp_path: Path, data: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "note.json"
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert found(path) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} is not used: {said}; make it again with: eeinfer tune m.eeb"
    ]
