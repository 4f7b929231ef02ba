"""What the analysis of a run leaves: one JSON file, kept beside the runs' records and as portable as they are."""

import msgspec

from eeinfer.bench.reporting.records import Record, decode
from eeinfer.bench.study.analyses.plan import AnalysisPlan
from eeinfer.training.analysis.information import LayerInformation
from eeinfer.training.analysis.landscape import Landscape
from eeinfer.training.analysis.overthinking import Overthinking
from eeinfer.training.analysis.rank import LayerRank

SCHEMA_VERSION = 1


class AnalysisRecord(Record, frozen=True, kw_only=True):
    """One network, looked at in four ways; numbers have six digits."""

    schema_version: int = SCHEMA_VERSION
    key: str  # also the file's name
    run: str  # key of the run
    reference: str  # key of the run whose layers chose the noise
    plan: AnalysisPlan
    rank: tuple[LayerRank, ...]  # of test images, a layer each
    information: tuple[LayerInformation, ...]
    landscape: Landscape  # of training images; a loss that is no number, or above 1e9, stands as 1e9
    overthinking: Overthinking
    seconds: float  # wall clock

    def to_json(self) -> bytes:
        """Encode as JSON on one line."""
        return msgspec.json.encode(self) + b"\n"

    @staticmethod
    def from_json(data: bytes) -> "AnalysisRecord":
        """Decode what `to_json` wrote.

        Raises:
            InputError: not such a record, or one of another schema.
        """
        return decode(data, AnalysisRecord, SCHEMA_VERSION)
