"""What can go wrong, by subject. Every message names the thing, the value, what is allowed and the next command."""


class EeinferError(ValueError):
    """Base of every error eeinfer raises on purpose; the command line prints it as one line."""


def first_line(error: BaseException) -> str:
    """Return the first line of what another library's error says, or the name of its kind where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class BundleError(EeinferError):
    """A bundle is missing, altered, from a newer format, or does not chain."""


class ReplacedError(BundleError):
    """A bundle was replaced or altered while it was read; the one that is there now can be opened."""


class InputError(EeinferError):
    """Images, thresholds or options of a call are not what the bundle takes."""


class ConfigError(EeinferError):
    """A setting is unknown or out of range."""


class DataError(EeinferError):
    """A data set is unknown, missing or damaged."""


class CheckpointError(EeinferError):
    """A checkpoint is missing, damaged, foreign, or holds more than weights and settings."""


class ExportError(EeinferError):
    """A model cannot be exported or cut, or the cut disagrees with the model."""


class DependencyError(EeinferError, ImportError):
    """An optional package is missing; the message names the extra that brings it."""


class OverloadError(EeinferError):
    """A server takes no further request at present: its queue is full, or it is shutting down."""

    def __init__(self, text: str, *, retry_after_s: float, closing: bool = False) -> None:
        super().__init__(text)
        self.retry_after_s, self.closing = retry_after_s, closing


class NonFiniteWarning(UserWarning):
    """A row had no finite score or held NaN or infinite pixels; its prediction is -1."""


class ExportWarning(UserWarning):
    """A model was exported otherwise than it was given, or looks as if it returned something else than logits."""
