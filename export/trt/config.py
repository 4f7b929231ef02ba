"""How plans are built."""

import itertools
import re
from dataclasses import dataclass

from eeinfer.bundle.build_record import RTX, TENSORRT
from eeinfer.errors import ConfigError, did_you_mean

CURRENT = "current"
LIBRARIES = (TENSORRT, RTX)


@dataclass(frozen=True, kw_only=True)
class TrtConfig:
    """What plans are built for, and what the builder is told."""

    targets: tuple[str, ...] = (CURRENT,)  # this machine's GPU, or compute capabilities: sm86 is 8.6
    batches: tuple[int, ...] = (1, 8, 32)  # rows; a profile for each, and a batch is padded up to the next of them
    library: str | None = None  # tensorrt or tensorrt_rtx; None: the installed one that builds for the targets
    tf32: bool = True  # let float32 products round their factors to 10 bits, as the library would by itself
    optimization_level: int = 3  # from 0, building fast, to 5, searching long for fast kernels
    auxiliary_streams: int = 0  # more than 0: parallel branches of a segment, at two more synchronisations per run

    @property
    def flags(self) -> dict[str, bool | int]:
        """What the builder is told, for build.json; the first two it is told always."""
        return {
            "strongly_typed": True,
            "strict_nans": True,
            "tf32": self.tf32,
            "optimization_level": self.optimization_level,
            "auxiliary_streams": self.auxiliary_streams,
        }

    def __post_init__(self) -> None:
        for target in self.targets:
            if target != CURRENT and not re.fullmatch(r"sm\d{2,3}", target):
                raise ConfigError(
                    f"target {target!r} is neither {CURRENT} nor a compute capability such as sm86 or sm120"
                )
        if not self.targets:
            raise ConfigError(f"targets is empty; name {CURRENT}, or compute capabilities such as sm86")
        if not self.batches or self.batches[0] < 1 or any(a >= b for a, b in itertools.pairwise(self.batches)):
            raise ConfigError(f"batches {self.batches} do not fit; give numbers from 1 that rise, such as 1, 8, 32")
        if self.library not in (None, *LIBRARIES):
            near = did_you_mean(self.library, LIBRARIES)
            raise ConfigError(f"library {self.library!r} is unknown; {near}choose one of {', '.join(LIBRARIES)}")
        if not 0 <= self.optimization_level <= 5:
            raise ConfigError(f"optimization_level {self.optimization_level} is not one of 0 to 5")
        if self.auxiliary_streams < 0:
            raise ConfigError(f"auxiliary_streams {self.auxiliary_streams} is negative; 0 is a single stream")
