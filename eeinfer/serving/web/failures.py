"""From what went wrong to what a client is told: one status for HTTP, one for gRPC."""

from dataclasses import dataclass

from eeinfer.errors import BundleError, EeinferError, OverloadError


class RequestError(EeinferError):
    """A request that is not answered, with its status."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What a client is told."""

    text: str
    status: int  # of HTTP
    retry_after_s: float | None = None

    @property
    def grpc(self) -> str:
        """The name of the status that gRPC has for it."""
        return _GRPC.get(self.status, "INTERNAL")


_GRPC = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def failure(error: Exception) -> Failure:
    """Describe an error; one that nobody foresaw keeps its details to the log."""
    if isinstance(error, RequestError):
        return Failure(text=str(error), status=error.status)
    if isinstance(error, OverloadError):
        return Failure(text=str(error), status=503, retry_after_s=error.retry_after_s)
    if isinstance(error, BundleError):
        return Failure(text=str(error), status=500)
    if isinstance(error, EeinferError):
        return Failure(text=str(error), status=400)
    return Failure(text="the server failed at this request; its log says why", status=500)
