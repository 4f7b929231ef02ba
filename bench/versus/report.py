"""What a comparison of bundles found. Accuracies and shares in [0, 1], times in milliseconds per image."""

from eeinfer.bench.environment import Environment
from eeinfer.bench.reporting.records import Record, encode
from eeinfer.bench.versus.paired import Paired

VERSUS_SCHEMA = 2


class Operating(Record, frozen=True, kw_only=True):
    """A bundle at some thresholds."""

    taus: tuple[float, ...]  # per exit
    accuracy: float
    interval: tuple[float, float]  # 95 %, exact
    shares: tuple[float, ...]  # of images leaving at each exit
    mean_flops: float
    median_ms: float  # over rounds of each round's mean
    low_ms: float  # least and most of the rounds
    high_ms: float


class Contestant(Record, frozen=True, kw_only=True):
    """One bundle."""

    label: str  # its folder's name, made different from the others'
    name: str
    sha256: str  # of its manifest
    precision: str
    exits: int
    static_flops: int
    own: Operating  # at its own thresholds
    curve: tuple[Operating, ...]
    exit_accuracy: tuple[float, ...]  # of every exit, asked about all images
    agreement: float  # share of images that it answers as the first bundle does, both at their own thresholds
    open_s: float  # with its first answer
    increase_mb: float | None  # memory that came with it
    file_mb: float  # on disk
    group: str  # bundles trained alike but for the seed share it
    seed: int | None  # of the training; None where the bundle does not say
    how: str | None = None  # what ran it, and why that


class VersusReport(Record, frozen=True, kw_only=True):
    """The whole comparison."""

    schema_version: int = VERSUS_SCHEMA
    created: str
    data: str
    images: int
    timed: int
    rounds: int
    environment: Environment
    bundles: tuple[Contestant, ...]
    pairs: tuple[Paired, ...]  # every two of them

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)
