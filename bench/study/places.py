"""Where a study keeps things: records of every study beside one another, so that each finished run serves them all."""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.bench.study.records import RunRecord
from eeinfer.errors import InputError
from eeinfer.files import read_small

_MOST_BYTES = 8 << 20  # of a record; they have some ten kilobytes


class Places:
    """The files below one output folder.

    ``records/KEY.json`` are the finished runs, ``analyses/KEY.json`` what was found in their networks, ``work/KEY/``
    the training under way and the checkpoints, and ``NAME/`` the results of the study of that name. Only records and
    analyses are needed to go on or to draw results.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.records = out / "records"
        self.analyses = out / "analyses"
        self.work = out / "work"

    def record(self, key: str) -> Path:
        """The record of a run."""
        return self.records / f"{key}.json"

    def folder(self, key: str) -> Path:
        """Where a run trains; its checkpoint stays there."""
        return self.work / key

    def results(self, study: str) -> Path:
        """Where the tables of a study are written."""
        return self.out / study

    def analysis(self, key: str) -> Path:
        """The record of an analysis."""
        return self.analyses / f"{key}.json"

    def read(self, key: str) -> RunRecord | None:
        """Return the record of a finished run; None where there is none.

        Raises:
            InputError: what lies there is no record of that run.
        """
        return _read(self.record(key), key, RunRecord, "a run")

    def read_analysis(self, key: str) -> AnalysisRecord | None:
        """Return the record of an analysis; None where there is none.

        Raises:
            InputError: what lies there is no record of that analysis.
        """
        return _read(self.analysis(key), key, AnalysisRecord, "an analysis")

    def finished(self, keys: Iterable[str]) -> dict[str, RunRecord]:
        """Return the records of those runs that are finished.

        Raises:
            InputError: as `read`.
        """
        found = {key: self.read(key) for key in dict.fromkeys(keys)}
        return {key: record for key, record in found.items() if record is not None}


AnyRecord = TypeVar("AnyRecord", RunRecord, AnalysisRecord)


def _read(path: Path, key: str, kind: type[AnyRecord], what: str) -> AnyRecord | None:
    if not path.exists():
        return None
    try:
        record = kind.from_json(read_small(path, _MOST_BYTES))
    except (OSError, InputError) as error:
        raise InputError(f"{path} is no record of {what} ({error}): delete it, and it is made again") from error
    if record.key != key:
        raise InputError(f"{path} is the record of {record.key}: give it that name, or delete it")
    return record
