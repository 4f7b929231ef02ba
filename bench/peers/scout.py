"""Before the rounds: who is compared with, what its exits answer, and where rows are to leave therefore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.peers.registry import subjects
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Unavailable, Workload
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.bench.workers.workloads import dealt, equal_shares, workloads
from eeinfer.errors import EeinferError
from eeinfer.progress import Progress
from eeinfer.rule import exits_at

_DOING = "every exit's answer to the images"


@dataclass(frozen=True, kw_only=True)
class Scouted:
    """The subject of the comparison."""

    subject: str
    answers: messages.Scores  # of all its exits
    refused: dict[str, Unavailable | PeerFailed]  # better ones that do not run here


def scout(setup: Setup, config: PeersConfig, progress: Progress) -> Scouted:
    """Find the best subject that runs, and ask it for every exit's answers.

    Raises:
        EeinferError: none does, with the reasons.
    """
    progress(_DOING, 0, 1)
    refused: dict[str, Unavailable | PeerFailed] = {}
    for name in subjects(config.device):
        try:
            answers = _scores(name, setup, config)
        except (Unavailable, PeerFailed) as error:
            refused[name] = error
            continue
        progress(_DOING, 1, 1)
        return Scouted(subject=name, answers=answers, refused=refused)
    raise EeinferError(f"the engine itself failed: {'; '.join(dict.fromkeys(map(str, refused.values())))}")


def _scores(name: str, setup: Setup, config: PeersConfig) -> messages.Scores:
    with PeerProcess(name) as process:
        process.ask(messages.Open(peer=name, setup=setup), messages.Opened, seconds=config.open_seconds)
        return process.ask(messages.Score(), messages.Scores, seconds=config.call_seconds)


def planned(
    setup: Setup, prepared: Any, answers: messages.Scores, given: Sequence[float] | None, config: PeersConfig
) -> tuple[Workload, ...]:
    """Choose where rows leave, and put the images into an order that gives batches the same mix."""
    scores = np.array(answers.scores, np.float64).astype(np.float32)
    taus = equal_shares(scores) if given is None else given
    order = dealt(exits_at(scores, taus), len(scores) // config.batch, config.seed)
    np.save(setup.images, prepared[order])
    return workloads(scores[order], taus)


@contextmanager
def of_the_subject() -> Iterator[None]:
    """Without the engine there is nothing to compare with."""
    try:
        yield
    except (PeerFailed, Unavailable) as error:
        raise EeinferError(f"the engine itself failed: {error}") from error
