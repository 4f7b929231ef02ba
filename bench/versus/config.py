"""How bundles are compared."""

from dataclasses import dataclass

from eeinfer.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class VersusConfig:
    """Settings of one comparison."""

    rounds: int = 8  # in which every bundle takes a turn at its own thresholds and at each of `taus`
    timed: int = 60  # images that every bundle sees
    taus: tuple[float, ...] = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)  # of the curves, one for all exits
    threads: int | None = None  # per session; None leaves it to the engine
    max_images: int | None = None  # accuracy from a random part of the images
    open_seconds: float = 300.0  # that a bundle may take to open
    seed: int = 0  # which images are timed, and the order of turns

    def __post_init__(self) -> None:
        for name in ("rounds", "timed"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; compare takes {name} of 1 or more")
        if self.max_images is not None and self.max_images < 1:
            raise ConfigError(f"max_images is {self.max_images}; compare takes 1 or more")
