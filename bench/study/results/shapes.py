"""The results of a study as one record, which its files and its report are written from.

Accuracies are shares in [0, 1]; FLOPs and milliseconds are for one image; T thresholds, H exits.
"""

from typing import Any

import msgspec

from eeinfer.bench.reporting.records import Record, decode
from eeinfer.bench.study.records import StudyPlan

SCHEMA_VERSION = 2
FLOPS, MS = "FLOPs", "ms"


class Mean(Record, frozen=True, kw_only=True):
    """Mean and unbiased standard deviation over seeds; the deviation of a single seed is None."""

    mean: float
    std: float | None


class Cell(Record, frozen=True, kw_only=True):
    """What a budget buys: the threshold is chosen on validation images, the accuracy is that of test images."""

    fraction: float | None  # of what the network without heads costs; None is Max
    accuracy: Mean | None  # None: even the first exit costs more
    by_seed: tuple[float, ...]  # the accuracies behind it, in the order of the row's seeds; empty where there is none
    cost: float | None  # mean over test images, as a share of that network's cost
    point: float | None  # the threshold; None where there is none, or seeds chose different ones


class Row(Record, frozen=True, kw_only=True):
    """The cells of one set of labels under one selection rule and one kind of cost."""

    labels: dict[str, str]
    phases: str
    seeds: tuple[int, ...]
    rule: str  # a key of eeinfer.bench.sweep.budget.RULES
    cost: str  # FLOPs or ms
    cells: tuple[Cell, ...]  # 25 / 50 / 75 / 100 % / Max


class Line(Record, frozen=True, kw_only=True):
    """The curve of one set of labels over all thresholds, averaged over seeds at equal thresholds."""

    labels: dict[str, str]
    phases: str
    seeds: tuple[int, ...]
    points: tuple[float, ...]  # [T]
    accuracy: tuple[float, ...]  # [T] mean over seeds
    accuracy_std: tuple[float, ...] | None  # [T]; None for a single seed
    flops: tuple[float, ...]  # [T]
    ms: tuple[float, ...]  # [T]
    shares: tuple[tuple[float, ...], ...]  # [T][H] of test images leaving at each exit
    exits: tuple[Mean, ...]  # [H] accuracy of each exit alone
    static: Mean  # accuracy of the network without heads
    static_flops: int
    static_ms: float
    exit_flops: tuple[int, ...]  # [H]


class Difference(Record, frozen=True, kw_only=True):
    """How much more accurate the first value of a factor is than the second at one budget, seed by seed."""

    factor: str  # in which the two differ, such as regime
    labels: dict[str, str]  # what both share
    first: str
    second: str
    rule: str
    cost: str
    fraction: float | None
    seeds: tuple[int, ...]
    by_seed: tuple[float, ...]
    mean: float
    low: float | None  # 95 % interval, bootstrap over seeds; None for a single seed
    high: float | None


class Effort(Record, frozen=True, kw_only=True):
    """What training took in one phase of one set of labels, mean over seeds."""

    labels: dict[str, str]
    phases: str
    phase: int
    epochs: float
    seconds: float
    flops: float
    shared: bool  # with runs of other labels


class Theirs(Record, frozen=True, kw_only=True):
    """A row of the paper's tables: their data, their network, their numbers."""

    labels: dict[str, str]
    cells: tuple[tuple[float, float], ...]  # accuracy and deviation over four seeds, in per cent; 25 ... Max


class LayerFacts(Record, frozen=True, kw_only=True):
    """One layer of the backbone: numerical rank, and information on the input under a noise that all networks share."""

    layer: str  # its name in the backbone
    rank: Mean
    nats: Mean
    most: float  # ln of the images, where the information ends
    saturated: int  # seeds in which it ends there, so that nothing more is known


class PlaneFacts(Record, frozen=True, kw_only=True):
    """The cross-entropy around the weights of the first seed, in nats; S points a side, H exits."""

    coordinates: tuple[float, ...]  # [S] in lengths of the weights' filters
    total: tuple[tuple[float, ...], ...]  # [S][S] mean over exits
    exits: tuple[tuple[tuple[float, ...], ...], ...]  # [H][S][S]


class NetworkFacts(Record, frozen=True, kw_only=True):
    """What the analyses found in the networks of one set of labels."""

    labels: dict[str, str]
    phases: str
    seeds: tuple[int, ...]
    images: dict[str, int]  # kind of analysis -> how many
    layers: tuple[LayerFacts, ...]  # in the order in which they run
    exits: tuple[str, ...] = ()  # [H - 1] the modules behind which the early exits sit
    spoiled: tuple[Mean, ...]  # [H - 1] share of images right at that exit and wrong at the last one
    destructive: Mean  # right at an earlier exit, wrong at the last
    wasteful: Mean  # right at the last, and at an earlier one too
    oracle: Mean  # right at any exit
    plane: PlaneFacts
    at_weights: tuple[Mean, ...]  # [1 + H] loss at the weights: mean over exits, then of each
    around: tuple[Mean, ...]  # [1 + H] mean loss on the plane within 0.4 of the weights along both directions


class Results(Record, frozen=True, kw_only=True):
    """A study, as far as it is."""

    schema_version: int = SCHEMA_VERSION
    plan: StudyPlan
    missing: tuple[str, ...]  # keys of runs without a record
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]
    efforts: tuple[Effort, ...]
    theirs: tuple[Theirs, ...]
    settings: dict[str, Any]  # those that all finished runs share
    train_images: tuple[int, ...]  # of the finished runs, each number once
    test_images: tuple[int, ...]
    networks: tuple[NetworkFacts, ...] = ()  # of those whose networks were looked at
    train_seconds: float  # of all runs, a shared phase 1 once
    train_flops: float
    processors: tuple[str, ...]
    timed_alone: bool  # no time was taken beside other runs of the study

    def to_json(self) -> bytes:
        """Encode as JSON on one line."""
        return msgspec.json.encode(self) + b"\n"

    @staticmethod
    def from_json(data: bytes) -> "Results":
        """Decode what `to_json` wrote.

        Raises:
            InputError: not such results, or ones of another schema.
        """
        return decode(data, Results, SCHEMA_VERSION)
