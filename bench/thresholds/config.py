"""What is promised of a bundle, and how it is to be shown."""

from dataclasses import dataclass

from eeinfer.bundle.certificate import BUDGET_FLOPS, BUDGET_MS, PROMISES, CertifiedPromise
from eeinfer.errors import ConfigError, InputError, did_you_mean
from eeinfer.numbers import is_number, is_whole

# No number of images shows that no image or every image does something.
_SHARES = "shares above 0 and below 1, such as 0.01 for 1 %"
_ALLOWED = {BUDGET_MS: "milliseconds above 0", BUDGET_FLOPS: "shares above 0, such as 0.4 for 40 %"}


@dataclass(frozen=True, kw_only=True)
class ThresholdsConfig:
    """One promise, and settings that shape the answer."""

    promise: CertifiedPromise
    confidence: float = 0.95  # that the promise is kept, over draws of the images
    in_expectation: bool = False  # keep it on average over draws instead
    per_exit: bool | None = None  # a threshold for each exit, or (False) one for all; None takes the better
    threads: int | None = None  # per session; None leaves it to the runtime
    rounds: int = 3  # how often an image is timed at each exit; the largest time counts
    timing_seconds: float = 60.0  # of a budget in milliseconds: how long images are timed at most
    seed: int = 0  # of the split in images that choose and images that certify

    def __post_init__(self) -> None:
        promise = self.promise
        if promise.kind not in PROMISES:
            near = did_you_mean(promise.kind, PROMISES)
            raise ConfigError(f"the promise is {promise.kind!r}; {near}known are {', '.join(PROMISES)}")
        most = 1 if promise.kind not in (BUDGET_MS, BUDGET_FLOPS) else float("inf")
        if not is_number(promise.value, 0, most) or promise.value in (0, most):
            raise InputError(f"{promise.kind} is {promise.value}; allowed are {_ALLOWED.get(promise.kind, _SHARES)}")
        if promise.percentile is not None and promise.kind != BUDGET_MS:
            raise InputError(f"percentile is {promise.percentile} of {promise.kind}; it goes with budget_ms alone")
        if not is_whole(self.rounds, 1) or not is_whole(self.seed, 0):
            raise ConfigError(f"rounds is {self.rounds}, seed {self.seed}; give whole numbers, rounds from 1 on")

    @property
    def needs_labels(self) -> bool:
        """Whether the promise is about right and wrong."""
        return self.promise.kind in ("max_loss", "min_accuracy")
