"""How a server listens and what it refuses."""

from dataclasses import dataclass, field
from pathlib import Path

from eeinfer.errors import ConfigError
from eeinfer.rule import Taus
from eeinfer.serving.config import ServingConfig


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Settings of `eeinfer serve`; they travel to every worker."""

    bundles: tuple[Path, ...]  # a model each, named after its folder
    host: str = "127.0.0.1"
    http: int = 8000  # ports; 0 takes a free one
    grpc: int | None = 8001  # None: no gRPC
    metrics: int | None = 8002
    workers: int = 1  # processes that each load every bundle
    serving: ServingConfig = field(default_factory=ServingConfig)
    tau: Taus | None = None  # of requests that name none; None takes the bundle's
    device: str = "cpu"
    backend: str | None = None
    threads: int | None = None
    reload: bool = False  # look every second whether a bundle was replaced
    token: str | None = None  # what a client has to show, as "Authorization: Bearer TOKEN"
    certificate: Path | None = None  # PEM files: TLS
    key: Path | None = None
    max_body_bytes: int = 64 << 20  # of a request
    max_pixels: int = 64_000_000  # that the encoded images of a request decode to, together
    concurrency: int = 4096  # requests that are answered at the same time
    connections: int = 1024  # of HTTP, open at the same time in each worker; beyond them requests are refused
    body_timeout_s: float = 30.0  # for the head of a request to arrive, and for its body
    drain_s: float = 30.0  # for requests that were taken in, once the server is asked to stop

    def __post_init__(self) -> None:
        if not self.bundles:
            raise ConfigError("no bundle to serve; name one or several .eeb folders")
        names = [model_name(path) for path in self.bundles]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"two bundles are named {twice!r}; a model is named after its folder: rename one")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("TLS takes a certificate and its key; give both files or none")
        for name in ("workers", "max_body_bytes", "max_pixels", "concurrency", "connections"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; a server takes {name} of 1 or more")
        for name in ("http", "grpc", "metrics"):
            port = getattr(self, name)
            if port is not None and not 0 <= port < 1 << 16:
                raise ConfigError(f"{name} is {port}; give a port from 0 (any that is free) to 65535")


def model_name(path: Path) -> str:
    """Return the name under which a bundle is served: its folder's, without .eeb."""
    name = path.absolute().name
    return name[: -len(".eeb")] if name.endswith(".eeb") else name
