"""How requests are taken in, merged and refused."""

from dataclasses import dataclass

from eeinfer.errors import ConfigError

PRIORITIES = (1, 2, 3)  # 1 goes first
USUAL_PRIORITY = 2  # of a request that names none, or 0


@dataclass(frozen=True, kw_only=True)
class ServingConfig:
    """Settings of one scheduler."""

    max_batch: int = 32  # rows that run a segment together, at most
    by_cost: bool = True  # fewer, where measured times say that more company saves nothing
    max_wait_ms: float | None = None  # for company in front of a segment; None: what one row takes all the way
    queue: int = 1000  # rows that wait in front of segment 0; what comes beyond is refused
    rebatching: bool = True  # False: a batch runs whole to its last row, and who has left is computed along
    floor: tuple[float, ...] | None = None  # thresholds under overload, one per exit; None: never lowered

    def __post_init__(self) -> None:
        for name in ("max_batch", "queue"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; serving takes {name} of 1 or more")
        if self.max_wait_ms is not None and not 0 <= self.max_wait_ms < float("inf"):
            raise ConfigError(f"max_wait_ms is {self.max_wait_ms}; give milliseconds, 0 or more")
