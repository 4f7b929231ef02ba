"""What a model repository is to hold."""

from dataclasses import dataclass

from eeinfer.errors import ConfigError

ONNXRUNTIME, PYTHON = BACKENDS = ("onnxruntime", "python")


@dataclass(frozen=True, kw_only=True)
class TritonConfig:
    """Settings of `eeinfer export --triton`; what else can be set stands in the config.pbtxt that are written."""

    segments: str | None = None  # a model per segment, run by this backend of Triton; None: one model, our scheduler

    def __post_init__(self) -> None:
        if self.segments not in (None, *BACKENDS):
            raise ConfigError(f"segments are run by {' or '.join(BACKENDS)}, not by {self.segments!r}")
