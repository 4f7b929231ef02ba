"""How a bundle is measured."""

from dataclasses import dataclass

from eeinfer.backends.levels import Level
from eeinfer.errors import ConfigError, did_you_mean

GRIDS = ("auto", "linspace", "log", "patience", "budget")


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Settings of one measurement; the defaults take half a minute for a network of one or two milliseconds."""

    grid: str = "auto"  # family of thresholds, of GRIDS; auto takes what suits the bundle's score, never budget
    thresholds: int = 100  # points of linspace and log, 0 and 1 included; patience and budget have their own number
    batch: int = 1  # images per call of every timed variant
    max_images: int | None = None  # accuracy from a random part of the test set of this size; None takes all of it
    latency_samples: int = 60  # images that every timed variant sees, four batches at least; fewer within max_seconds
    rounds: int = 5  # how often each variant sees each of these images; once where max_seconds would not suffice
    min_seconds: float = 10.0  # further rounds until timing the thresholds has taken this long
    max_seconds: float = 20.0  # what the timing of thresholds may take before the sample shrinks
    warmup: int = 3  # untimed calls of each variant before anything is timed
    pairs: int = 60  # back-to-back pairs behind each overhead ratio; a sixth of them where they would take too long
    tolerance: float = 0.01  # accuracy that the headline threshold may lose against the static network
    threads: int | None = None  # of every session; None leaves it to the runtime
    device: str = "cpu"  # or "cuda", "cuda:1"
    backend: str | None = None  # of the cascade; None takes the best that works on the device
    level: int | None = None  # of a backend on a GPU, how little waits for the host; None takes its own default
    energy_seconds: float = 10.0  # of each of three windows, on a GPU that counts its energy; 0 leaves it out
    seed: int = 0  # which images are timed, and in which order

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            near = did_you_mean(self.grid, GRIDS)
            raise ConfigError(f"grid is {self.grid!r}; {near}bench takes one of {', '.join(GRIDS)}")
        self._at_least("thresholds", 2)
        for name in ("batch", "latency_samples", "rounds", "pairs"):
            self._at_least(name, 1)
        for name in ("warmup", "min_seconds", "max_seconds", "tolerance", "energy_seconds", "seed"):
            self._at_least(name, 0)
        for name in ("threads", "max_images"):
            if getattr(self, name) is not None:
                self._at_least(name, 1)
        if self.level is not None and self.device == "cpu":
            raise ConfigError(f"level is {self.level} and device is 'cpu'; levels are for a GPU: give --device cuda")
        if self.level not in (None, *Level):
            raise ConfigError(f"level is {self.level}; bench takes one of {', '.join(f'{level:d}' for level in Level)}")

    @property
    def options(self) -> dict[str, str] | None:
        """What the backend is told."""
        return None if self.level is None else {"level": str(self.level)}

    def _at_least(self, name: str, bound: int) -> None:
        value = getattr(self, name)
        if not value >= bound:
            raise ConfigError(f"{name} is {value}; bench takes {name} of {bound} or more")
