"""What parent and worker say to each other: one JSON object per line, a reply to every request."""

from typing import TypeAlias

import msgspec

from eeinfer.bench.workers.base import Setup, Workload


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """What every message has in common: the name of its kind under the key ``type``."""


class Prepare(_Message, frozen=True, kw_only=True):
    """Make a peer's files."""

    peer: str
    setup: Setup


class Open(_Message, frozen=True, kw_only=True):
    """Import the peer's libraries and open its model."""

    peer: str
    setup: Setup


class Score(_Message, frozen=True, kw_only=True):
    """Answer with every exit of every image; the engine's worker alone can."""


class Run(_Message, frozen=True, kw_only=True):
    """Run batches under a workload."""

    workload: Workload
    batches: tuple[int, ...]  # positions, in the order of the calls
    untimed: int  # calls before the clock starts


class Measure(_Message, frozen=True, kw_only=True):
    """Say how much memory has been used."""


class Cost(_Message, frozen=True, kw_only=True):
    """Measure what rows cost, for `eeinfer tune`; the engine's worker alone can."""

    sizes: tuple[int, ...]  # batch sizes, ascending from 1
    size_seconds: float  # of one pass through the network; larger batches than that are left out
    passes: int


Request: TypeAlias = Prepare | Open | Score | Run | Measure | Cost


class Done(_Message, frozen=True, kw_only=True):
    """Prepared."""


class Opened(_Message, frozen=True, kw_only=True):
    """The model is ready and has run once."""

    import_s: float
    open_s: float  # from the file to the end of the first call through the whole network
    versions: dict[str, str]
    detail: str  # what the peer chose where there was a choice
    plain: bool = False  # it is our cascade, and its segments run as they were exported
    how: str | None = None  # it is our cascade on the CPU: what runs it, and why that


class Scores(_Message, frozen=True, kw_only=True):
    """What every exit answers, [N][E]."""

    scores: list[list[float | None]]  # None: not a finite number
    predictions: list[list[int]]


class Ran(_Message, frozen=True, kw_only=True):
    """What the calls took and what came out."""

    times_ms: list[float]
    exits: list[list[int]]  # per call, per row
    predictions: list[list[int]]


class Memory(_Message, frozen=True, kw_only=True):
    """Megabytes (1 MB = 1e6 bytes) of resident memory."""

    peak_mb: float  # of the process since it began
    increase_mb: float | None  # at the peak, over what it held before the model was opened; None: not known here


class Costs(_Message, frozen=True, kw_only=True):
    """What rows cost."""

    sizes: tuple[int, ...]
    segment_ms: tuple[tuple[float, ...], ...]  # of every segment at each of the sizes
    move_ms: float  # of taking rows out, beyond the copies
    bytes_per_ms: float  # that are copied from row to row


class Refused(_Message, frozen=True, kw_only=True):
    """The peer cannot run, for a reason that people understand."""

    reason: str
    of_bundle: bool = False  # it is the bundle that does not answer what it was given


class Broke(_Message, frozen=True, kw_only=True):
    """Something was raised that nobody foresaw."""

    error: str


Reply: TypeAlias = Done | Opened | Scores | Ran | Memory | Costs | Refused | Broke

read_request = msgspec.json.Decoder(Request).decode
read_reply = msgspec.json.Decoder(Reply).decode
write = msgspec.json.Encoder().encode
