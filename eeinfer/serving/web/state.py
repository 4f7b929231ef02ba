"""What the two protocols share in one process."""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.models import Models
from eeinfer.serving.web.settings import ServerSettings

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class State:
    """One server: its models, its settings, whether it is about to stop."""

    settings: ServerSettings
    models: Models
    draining: bool = False
    turned_away: Callable[[str], object] = lambda limit: None  # called for every request that a limit refuses
    open_requests: int = field(default=0, init=False)

    @property
    def ready(self) -> bool:
        """Whether requests are taken."""
        return self.models.ready and not self.draining

    def check_token(self, shown: str | None) -> None:
        """Let a client in.

        Raises:
            RequestError: a token is asked for, and this is not it.
        """
        token = self.settings.token
        if token is not None and not hmac.compare_digest((shown or "").encode(), f"Bearer {token}".encode()):
            raise RequestError("this server asks for a token: send the header Authorization: Bearer TOKEN", status=401)

    def check_alone(self) -> None:
        """Let a client load or unload a model.

        Raises:
            RequestError: there are workers beside this one, which would not hear of it.
        """
        if self.settings.workers > 1:
            raise RequestError(
                f"this server has {self.settings.workers} workers, and only one would hear of it; start it with "
                "--reload, by which every worker loads a bundle that is replaced",
                status=409,
            )

    def enter(self) -> None:
        """Count a request that begins.

        Raises:
            RequestError: there are as many as are taken at once.
        """
        if self.open_requests >= self.settings.concurrency:
            self.turned_away("requests")
            raise RequestError(
                f"{self.open_requests} requests are being answered, which is as many as are taken; retry", status=503
            )
        self.open_requests += 1

    def leave(self) -> None:
        """Count a request that has ended."""
        self.open_requests -= 1
