"""What a scheduler tells about itself while it works; the default listens to nothing."""

from eeinfer.serving.served import Served


class Observer:
    """Is called by the scheduler's thread, and has to be quick.

    The caller's thread calls `refused` and `cancelled`, and for a row that is answered at once everything else too.
    """

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        """Segment k ran with so many rows that somebody waits for."""

    def answered(self, served: Served) -> None:
        """A request has all its answers."""

    def failed(self) -> None:
        """A request ended with an error."""

    def cancelled(self) -> None:
        """A request was given up by its caller before it was answered."""

    def refused(self) -> None:
        """A request was not taken in."""
