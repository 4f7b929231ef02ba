"""What a measurement found, as one record with a version: every table, plot and file is drawn from it.

Accuracies and shares are in [0, 1], FLOPs are multiply-adds for one sample, times are milliseconds per call (a call
holds ``settings.batch`` images).
"""

from msgspec import UNSET, UnsetType

from eeinfer.bench.environment import Environment
from eeinfer.bench.reporting.records import Record, decode, encode
from eeinfer.bench.sweep.budget import BudgetCell
from eeinfer.bench.timing.clock import Timing
from eeinfer.bench.timing.energy import Energy

SCHEMA_VERSION = 5


class BundleFacts(Record, frozen=True, kw_only=True):
    """Which network was measured."""

    name: str
    path: str | UnsetType = UNSET  # where it lay; said on stdout alone: what is kept names nobody's folders
    folder: str | UnsetType | None = UNSET  # the last part of its path; None for the bundle that eeinfer ships
    sha256: str  # of its manifest, which holds the hash of every other file
    score: str  # what its exits are judged by
    modules: tuple[str, ...]  # where each exit sits
    inputs: dict[str, tuple[int | str, ...]]  # name -> shape without the batch, dynamic axes by name
    classes: int


class DataFacts(Record, frozen=True, kw_only=True):
    """On which images."""

    name: str
    images: int  # behind every accuracy and share
    calibration: int  # further ones that thresholds were fitted on and nothing else
    timed: int  # random part of them behind every time


class Settings(Record, frozen=True, kw_only=True):
    """What was asked for, where it shapes the numbers."""

    batch: int
    rounds: int  # that were run
    runs: int  # thresholds that were run; the others send every timed image the same way as one of these
    warmup: int
    seed: int
    tolerance: float
    seconds: float  # the whole measurement took


class FlopsFacts(Record, frozen=True, kw_only=True):
    """How FLOPs were counted."""

    convention: str
    uncounted: dict[str, int]


class Network(Record, frozen=True, kw_only=True):
    """A network that always does the same work, run as one session."""

    name: str
    exit: int  # whose answer it gives
    accuracy: float
    flops: int
    timing: Timing


class GridFacts(Record, frozen=True, kw_only=True):
    """Which thresholds were measured."""

    family: str  # linspace, log, patience or budget
    parameter: str  # what `Threshold.point` is: tau, entropy (nats), patience or budget


class Threshold(Record, frozen=True, kw_only=True):
    """The cascade at one operating point."""

    point: float  # what tells it apart, see GridFacts.parameter
    taus: tuple[float, ...]  # per exit
    accuracy: float
    mean_flops: float
    shares: tuple[float, ...]  # of rows leaving at each exit
    timing: Timing
    timed_flops: float  # mean over the timed images alone
    agreement: float  # share of timed images that left where the sweep says
    speedup: float  # the static network's mean time over this one's
    saved_ratio: float | None  # share of latency saved / share of FLOPs saved; None where next to none are saved


class Held(Record, frozen=True, kw_only=True):
    """The headline threshold on images that did not choose it."""

    chosen_on: int  # images
    images: int  # others, which all the rest is about
    accuracy: float
    static_accuracy: float
    mean_flops: float


class Own(Record, frozen=True, kw_only=True):
    """The cascade at the bundle's own thresholds."""

    promise: str | None  # what its certificate says of them; None: it has none, or one that does not hold
    seen: bool  # whether the certificate was made on these images, or on others of their name
    threshold: Threshold  # timed with those of the grid; its point is the mean tau of the early exits
    calls: Timing  # one call for each of as many images as there was time for: what percentiles are about


class Overhead(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The cascade against one session that does the same work, in back-to-back pairs."""

    name: str
    exit: int
    cascade_ms: float  # median
    session_ms: float  # median
    ratio: float  # median over pairs
    pairs: int
    cascade_device_ms: float | None = None  # between two CUDA events, all segments put into the stream at once
    session_device_ms: float | None = None


class BreakEven(Record, frozen=True, kw_only=True):
    """Whether an exit earns its keep at the headline threshold: it must fire more often than cost / saving."""

    exit: int
    reached: float  # share of all rows
    fired: float  # share of those that reached it
    cost_ms: float  # head, decision and the border to the next segment
    saved_ms: float | None  # what a row that leaves here would still have taken, this exit gone; None if none leaves
    needed: float | None  # share that must leave for the exit to pay on mean latency
    pays: bool


class Report(Record, frozen=True, kw_only=True):
    """One bundle on one machine."""

    schema_version: int = SCHEMA_VERSION
    created: str  # UTC, ISO 8601
    bundle: BundleFacts
    data: DataFacts
    environment: Environment
    settings: Settings
    flops: FlopsFacts
    grid: GridFacts
    static: Network  # without early exits
    all_exits: Network  # every exit computed, nobody leaves
    cuts: tuple[Network, ...]  # ending at each early exit, the heads before it left out where nothing needs them; at
    # the last one as well where that reads heads and the static network has none
    thresholds: tuple[Threshold, ...]  # cheapest first; equally dear ones ascending in tau
    own: Own
    headline: int  # index of the cheapest threshold within `tolerance` of the static network's accuracy, or the last,
    # on one half of the images
    held: Held  # the same on the other half
    overheads: tuple[Overhead, ...]  # leaving at each exit, then never leaving
    break_even: tuple[BreakEven, ...]  # every exit but the last
    budgets: dict[str, tuple[BudgetCell, ...]]  # selection rule -> 25 / 50 / 75 / 100 % / Max
    energy: Energy | UnsetType = UNSET  # absent without a GPU that counts it

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)

    @staticmethod
    def from_json(data: bytes) -> "Report":
        """Decode what `to_json` wrote.

        Raises:
            InputError: not a report, or one of another schema.
        """
        return decode(data, Report, SCHEMA_VERSION)
