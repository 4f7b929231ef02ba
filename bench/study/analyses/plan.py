"""How a study looks at each of its networks, and what tells one look from another.

The numbers are small enough that a network takes seconds, and the same for every study, so that studies share them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec

from eeinfer.bench.study.runs import Run, digest, settings_of

_SAME = ("backbone.", "data.")  # runs alike in these have the same layers and see the same images


@dataclass(frozen=True, kw_only=True)
class AnalysisPlan:
    """How many images, and how much of every layer."""

    rank_images: int = 1000
    rank_columns: int = 512
    information_images: int = 400
    information_columns: int = 4  # of many, all images are told apart and nothing is learned (METHODS 4.14)
    plane_images: int = 128
    plane_steps: int = 11  # points a side
    overthinking_images: int = 2000
    seed: int = 0

    @property
    def forward_images(self) -> int:
        """How many images a network is shown in all."""
        plane = self.plane_steps**2 * self.plane_images
        return self.rank_images + self.information_images + self.overthinking_images + plane


PLAN = AnalysisPlan()


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """The analysis of one run."""

    key: str
    run: str  # key of the run
    reference: str  # key of the run whose layers chose how much noise information is measured under


def analyses_of(runs: Sequence[Run], plan: AnalysisPlan = PLAN) -> tuple[Analysed, ...]:
    """Return the analysis of each distinct run.

    Information is compared under one noise, that of the first run with the same backbone and data.
    """
    first: dict[bytes, str] = {}
    found: dict[str, Analysed] = {}
    for run in runs:
        reference = first.setdefault(_network(run), run.key)
        found.setdefault(run.key, Analysed(key=_key(run.key, reference, plan), run=run.key, reference=reference))
    return tuple(found.values())


def _network(run: Run) -> bytes:
    given = {name: value for name, value in settings_of(run.config).items() if name.startswith(_SAME)}
    return msgspec.json.encode(given, order="deterministic")


def _key(run: str, reference: str, plan: AnalysisPlan) -> str:
    return digest([run, reference, asdict(plan)])
