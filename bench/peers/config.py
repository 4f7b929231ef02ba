"""How peers are measured."""

from dataclasses import dataclass

from eeinfer.bench.peers.registry import check_name
from eeinfer.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PeersConfig:
    """Settings of one comparison; the defaults take a few minutes for a network of 30 milliseconds."""

    peers: tuple[str, ...] = ()  # names of the registry; none is all of them
    device: str = "cpu"  # or "cuda", "cuda:1"
    batch: int = 1  # images per call
    images: int = 24  # that are timed, in whole batches, two at least
    rounds: int = 10
    turn_seconds: float = 0.5  # what a turn of forced exits may take; the mix always takes all images
    least_calls: int = 4  # of a turn, however slow
    taus: tuple[float, ...] | None = None  # of the mix; None: about as many images leave at each exit
    threads: int | None = None  # of every peer; None: one per physical core, and the engine as it likes
    untimed: int = 2  # calls before the clock of a turn starts
    pause_seconds: float = 0.02  # between turns, at least: what the last one left spinning has to settle
    open_seconds: float = 900.0  # after which a peer that has not opened is given up; compilers take their time
    call_seconds: float = 300.0  # the same for a turn, on top of what it should take
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.peers:
            check_name(name, self.device)
        for name, bound in (("batch", 1), ("images", 1), ("rounds", 1), ("least_calls", 1), ("untimed", 0)):
            if getattr(self, name) < bound:
                raise ConfigError(f"{name} is {getattr(self, name)}; the comparison takes {bound} or more")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; the comparison takes 1 or more")
