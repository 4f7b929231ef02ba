"""What a finished run leaves: one self-contained JSON file, from which every table, figure and resumption follows.

It names no machine's folders, so it can be committed and carried to another machine; weights are not in it.
Legend: H exits, the network's own classifier the last; T thresholds; N images. Costs are multiply-adds for one image
(1 multiply-add = 1 FLOP) up to and with the exit, heads on the way included.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.environment import Environment
from eeinfer.bench.reporting.records import Record, decode, encode

SCHEMA_VERSION = 1

Floats = NDArray[np.float64]


class Curve(Record, frozen=True, kw_only=True):
    """What the cascade does to N images at each threshold, as whole counts. The thresholds are `RunRecord.taus`."""

    images: int  # N
    right: tuple[int, ...]  # [T] images answered with their label
    left: tuple[tuple[int, ...], ...]  # [T][H] images that left at each exit
    exits_right: tuple[int, ...]  # [H] images that each exit alone would answer with their label
    static_right: int  # and that the network without heads does

    @property
    def accuracy(self) -> Floats:
        """The share of right answers at each threshold, [T]."""
        return np.asarray(self.right, np.float64) / self.images

    @property
    def exit_accuracy(self) -> Floats:
        """The share of right answers of each exit alone, [H]."""
        return np.asarray(self.exits_right, np.float64) / self.images

    def mean(self, costs: tuple[float, ...]) -> Floats:
        """The mean cost of an image at each threshold [T], of `costs` [H] of leaving at each exit."""
        return np.asarray(self.left, np.float64) @ np.asarray(costs, np.float64) / self.images


class EpochFacts(Record, frozen=True, kw_only=True):
    """One epoch of training."""

    phase: int
    epoch: int  # from 1, within the phase
    loss: float  # mean over the batches
    val_accuracy: tuple[float, ...]  # of each exit on the validation images; in phase 1 of the network alone
    lr: float  # at the end of the epoch


class PhaseCost(Record, frozen=True, kw_only=True):
    """What one phase took."""

    phase: int
    epochs: int  # that were run
    best_epoch: int  # whose weights were kept
    seconds: float  # of training and validation, wall clock
    flops: float  # of training: images seen x (forward + 2 x forward for each part that learns)
    shared: bool  # trained once for several runs; its cost is counted here in full all the same


class Times(Record, frozen=True, kw_only=True):
    """Milliseconds for one image, measured on the exported segments, batch 1."""

    mean_ms: tuple[float, ...]  # [T] at each threshold, over a sample with the data set's mix of easy and hard
    median_ms: tuple[float, ...]  # [T]
    static_ms: float  # the network without heads as one session, mean over the same sample
    all_exits_ms: float  # every exit computed, as one session
    exits_ms: tuple[float | None, ...]  # [H] the cascade leaving there; None where no image of the sample could
    images: int  # of the sample
    environment: Environment  # processor, load when it began, versions
    alone: bool = False  # taken again afterwards, with no other run of the study beside


class RunRecord(Record, frozen=True, kw_only=True):
    """One run: what determined it, what it cost, what it does."""

    schema_version: int = SCHEMA_VERSION
    key: str  # hash of `settings`; also the file's name
    settings: dict[str, Any]  # every training setting that decides the result, flat: "phase1.lr" and so on
    phases: str  # the regime, such as ++-
    modules: tuple[str, ...]  # [H] where each exit sits
    classes: int
    train_images: int
    static_flops: int  # the network without heads: 100 % of every budget
    exit_flops: tuple[int, ...]  # [H] cumulative
    family: str  # of the thresholds: linspace, log, patience
    points: tuple[float, ...]  # [T] what tells them apart: tau itself for linspace
    taus: tuple[float, ...]  # [T] one for all exits, cheapest first
    test: Curve  # what is reported
    validation: Curve  # what thresholds are chosen on: images that selected the weights, none of them reported on
    costs: tuple[PhaseCost, ...]  # one for each phase, in order
    epochs: tuple[EpochFacts, ...]  # the training, phase 1 included where it was shared
    times: Times
    seconds: float  # of training without a shared phase 1, export and measurement; wall clock
    created: str  # UTC, ISO 8601
    versions: dict[str, str]  # of what shaped the weights

    @property
    def flops(self) -> Floats:
        """The mean FLOPs of a test image at each threshold, [T]."""
        return self.test.mean(tuple(map(float, self.exit_flops)))

    @property
    def validation_flops(self) -> Floats:
        """The mean FLOPs of a validation image at each threshold, [T]."""
        return self.validation.mean(tuple(map(float, self.exit_flops)))

    def to_json(self) -> bytes:
        """Encode as JSON on one line: a column of numbers for each curve would be five times the size."""
        return msgspec.json.encode(self) + b"\n"

    @staticmethod
    def from_json(data: bytes) -> "RunRecord":
        """Decode what `to_json` wrote.

        Raises:
            InputError: not such a record, or one of another schema.
        """
        return decode(data, RunRecord, SCHEMA_VERSION)


class Point(Record, frozen=True, kw_only=True):
    """One run in its place in a study."""

    labels: dict[str, str]  # what tells it apart there: factor -> value, such as regime -> mixed, placement -> every 2
    seed: int
    key: str  # of its record


class StudyPlan(Record, frozen=True, kw_only=True):
    """Which runs a study has, and what they are to show; written as study.json beside its results."""

    schema_version: int = SCHEMA_VERSION
    name: str
    size: str  # small, paper, or given (a file)
    question: str  # one sentence
    shows: str  # which figure or table of "Joint or Disjoint" it answers to; empty where none
    factors: tuple[str, ...]  # the labels in which points differ, regime last
    points: tuple[Point, ...]

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)

    @staticmethod
    def from_json(data: bytes) -> "StudyPlan":
        """Decode study.json.

        Raises:
            InputError: not such a plan, or one of another schema.
        """
        return decode(data, StudyPlan, SCHEMA_VERSION)
