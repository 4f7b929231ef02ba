"""How a bundle is tuned."""

from dataclasses import dataclass

from eeinfer.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """Settings of `eeinfer tune`; the defaults take a minute or two."""

    rounds: int = 8  # in which every setting of threads takes a turn at every exit tried
    turn_seconds: float = 0.2  # of a turn, roughly
    most_exits: int = 3  # that are tried; more are thinned out, the last one stays
    sizes: tuple[int, ...] = (1, 2, 4, 8, 16, 32)  # batch sizes of the table of costs
    size_seconds: float = 1.0  # of one pass through the network; larger batches than that are not measured
    passes: int = 7  # through the network, per batch size
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rounds", "most_exits", "passes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; tuning takes 1 or more")
