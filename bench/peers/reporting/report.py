"""What a comparison found, as one record with a version: table, plots and files are drawn from it.

Times are milliseconds per call (a call holds ``settings.batch`` images), memory is megabytes of 1e6 bytes, shares are
in [0, 1]. A ratio is a peer's time over the engine's in the same round: above 1 the engine is faster.
"""

from collections.abc import Sequence

import numpy as np

from eeinfer.bench.environment import Environment
from eeinfer.bench.reporting.records import Record, decode, encode
from eeinfer.bench.reporting.report import BundleFacts

SCHEMA_VERSION = 2


class Spread(Record, frozen=True, kw_only=True):
    """A number over rounds."""

    median: float
    p10: float
    p90: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Summarise at least one number."""
        p10, p50, p90 = np.percentile(values, (10, 50, 90))
        return Spread(median=float(p50), p10=float(p10), p90=float(p90))


class PeersSettings(Record, frozen=True, kw_only=True):
    """What was asked for, where it shapes the numbers."""

    batch: int
    images: int
    rounds: int
    calls: dict[str, int]  # per turn, by workload
    threads: int  # of every peer
    seed: int
    seconds: float  # the whole comparison took


class WorkloadFacts(Record, frozen=True, kw_only=True):
    """Where rows leave, by the engine's own scores."""

    name: str
    taus: tuple[float, ...]
    shares: tuple[float, ...]  # of the images leaving at each exit
    mean_flops: float  # per image


class PeerTiming(Record, frozen=True, kw_only=True):
    """One peer under one workload."""

    workload: str
    ms: Spread
    ratio: Spread  # to the engine's time
    same_exits: float  # share of images that left where the engine's did
    same_predictions: float  # share of images with the engine's prediction
    shares: tuple[float, ...]  # of the images leaving at each exit


class PeerResult(Record, frozen=True, kw_only=True):
    """One peer. Where it could not run, `skipped` or `failed` says why and numbers are missing."""

    name: str
    note: str
    versions: dict[str, str]
    detail: str = ""  # what it chose where there was a choice
    skipped: str | None = None  # it cannot run here or not this network
    failed: str | None = None  # it crashed, hung or raised
    decides: bool = True  # whether a row can leave it early
    import_s: float | None = None  # of its libraries
    open_s: float | None = None  # from its files to the end of a first call through the whole network
    peak_mb: float | None = None
    increase_mb: float | None = None  # over what the process held before the model was opened
    restless: int = 0  # turns after which its threads did not go to sleep
    timings: tuple[PeerTiming, ...] = ()

    def timing(self, workload: str) -> PeerTiming | None:
        """What it did under a workload; None where it did not get that far."""
        return next((timing for timing in self.timings if timing.workload == workload), None)


class Ideal(Record, frozen=True, kw_only=True):
    """The mix against a cascade that loses nothing: live rows times the time of a row in a full batch, by segment."""

    live: tuple[float, ...]  # share of rows that reach each segment
    segment_ms: tuple[float, ...]  # of a full batch, median over rounds
    ideal_ms: Spread
    share: Spread  # ideal over measured: 1 loses nothing


class PeersReport(Record, frozen=True, kw_only=True):
    """One bundle and its peers on one machine."""

    schema_version: int = SCHEMA_VERSION
    created: str  # UTC, ISO 8601
    bundle: BundleFacts
    data: str  # what the images are called
    environment: Environment
    settings: PeersSettings
    workloads: tuple[WorkloadFacts, ...]
    peers: tuple[PeerResult, ...]  # whom the others are compared with first
    ideal: Ideal | None  # for batches

    @property
    def ran(self) -> tuple[PeerResult, ...]:
        """Those with numbers."""
        return tuple(peer for peer in self.peers if peer.timings)

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)

    @staticmethod
    def from_json(data: bytes) -> "PeersReport":
        """Decode what `to_json` wrote.

        Raises:
            InputError: not such a report, or one of another schema.
        """
        return decode(data, PeersReport, SCHEMA_VERSION)
