"""Which precisions a bundle's body can have, and how one is reduced."""

from dataclasses import dataclass

from eeinfer.bundle.manifest import DEVICES, PRECISIONS
from eeinfer.errors import ConfigError, did_you_mean
from eeinfer.export.precision.ranges import range_rule

CALIBRATED = ("int8", "fp8")


@dataclass(frozen=True, kw_only=True)
class PrecisionConfig:
    """How a bundle's precision is reduced."""

    precision: str  # fp16, bf16, int8 or fp8
    device: str | None = None  # where int8 is to run, cpu or cuda; None: cpu. All others are for cuda
    calibration_images: int = 500  # for the ranges of int8 and fp8, at most
    report_images: int = 1000  # for the shift report, at most
    ranges: str = "mse"  # of int8, a name of eeinfer.export.precision.ranges.RANGES; fp8 takes the whole range
    seed: int = 0  # of the choice of images

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS[1:]:
            near = did_you_mean(self.precision, PRECISIONS)
            raise ConfigError(f"precision {self.precision!r} is not known; {near}choose one of {', '.join(PRECISIONS)}")
        if self.device not in (None, *DEVICES):
            near = did_you_mean(self.device, DEVICES)
            raise ConfigError(f"device {self.device!r} is not known; {near}choose one of {', '.join(DEVICES)}")
        if self.device == "cpu" and self.precision != "int8":
            raise ConfigError(
                f"{self.precision} is for GPUs; on a CPU take --precision int8, or leave the bundle in fp32"
            )
        for name in ("calibration_images", "report_images"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give 1 or more, better hundreds")
        range_rule(self.ranges)

    @property
    def made_for(self) -> str:
        """The device on which the graphs are meant to run."""
        return self.device or ("cpu" if self.precision == "int8" else "cuda")
