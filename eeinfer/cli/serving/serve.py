"""``eeinfer serve``."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, command, say
from eeinfer.cli.bundles import chosen_bundle
from eeinfer.cli.options import Tau, taus
from eeinfer.errors import ConfigError

if TYPE_CHECKING:
    from eeinfer.serving.config import ServingConfig
    from eeinfer.serving.web.processes.supervisor import Addresses

_TOKEN = "EEINFER_TOKEN"  # not an option: everybody on the machine sees the options of a process


@command(example="eeinfer serve --http 8000 --grpc 8001")
def serve(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(metavar="BUNDLE", help="A model each, named after its folder.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    http: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
    grpc: Annotated[int, typer.Option(help="Port; 0 takes a free one, -1: no gRPC.")] = 8001,
    metrics: Annotated[int, typer.Option(help="Port of /metrics; 0 takes a free one, -1: none.")] = 8002,
    workers: Annotated[int, typer.Option(help="Processes that each load every bundle.")] = 1,
    max_batch: Annotated[int, typer.Option(help="Rows that run a segment together, at most.")] = 32,
    max_wait_ms: Annotated[
        float | None,
        typer.Option(help="For company in front of a segment, while others run. Without it: one row's whole way."),
    ] = None,
    queue: Annotated[int, typer.Option(help="Rows that may wait; what comes beyond is refused.")] = 1000,
    tau: Tau = None,
    degrade: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="Under overload lower the thresholds to those of this bundle, which are certified for the same files.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    backend: Annotated[str | None, typer.Option(help="Without it: the best that works there.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of each worker; without it one per core.")] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Load a bundle again when it is replaced.")] = False,
    certificate: Annotated[Path | None, typer.Option(help="PEM file: TLS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    max_body_mb: Annotated[int, typer.Option(help="Of a request.")] = 64,
    connections: Annotated[int, typer.Option(help="Of HTTP, to each worker; beyond them requests are refused.")] = 1024,
    debug: Debug = False,
) -> None:
    """Serve bundles over HTTP and gRPC, by the Open Inference Protocol.

    Requests of different clients are merged again at every exit. SIGTERM answers what was taken in, then stops. With
    EEINFER_TOKEN in the environment clients have to show it, as "Authorization: Bearer TOKEN".
    """
    from eeinfer.serving.config import ServingConfig
    from eeinfer.serving.web.processes.supervisor import Supervisor
    from eeinfer.serving.web.settings import ServerSettings

    paths = tuple(bundles) if bundles else (chosen_bundle(None),)
    serving = ServingConfig(max_batch=max_batch, max_wait_ms=max_wait_ms, queue=queue)
    supervisor = Supervisor(
        ServerSettings(
            bundles=paths,
            host=host,
            http=http,
            grpc=None if grpc == -1 else grpc,
            metrics=None if metrics == -1 else metrics,
            workers=workers,
            serving=_with_floor(serving, paths, degrade),
            tau=taus(tau),
            device=device,
            backend=backend,
            threads=threads,
            reload=reload,
            token=os.environ.get(_TOKEN) or None,
            certificate=certificate,
            key=key,
            max_body_bytes=max_body_mb << 20,
            connections=connections,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run(lambda addresses: _tell(addresses, paths, tls=certificate is not None))


def _tell(addresses: "Addresses", paths: tuple[Path, ...], *, tls: bool) -> None:
    from contextlib import suppress

    from eeinfer.serving.web.settings import model_name

    scheme = "https" if tls else "http"
    at = f"{scheme}://{addresses.host}:{addresses.http}"
    lines = [f"ready: {at}/v2  models: {', '.join(map(model_name, paths))}", f"       page {at}/"]
    if addresses.grpc is not None:
        lines.append(f"       gRPC {addresses.host}:{addresses.grpc}")
    if addresses.metrics is not None:
        lines.append(f"       metrics http://{addresses.host}:{addresses.metrics}/metrics")
    with suppress(OSError):  # a log that cannot be written, as on a full disk, is no reason not to serve
        say("\n".join(lines))


def _with_floor(serving: "ServingConfig", paths: tuple[Path, ...], degrade: Path | None) -> "ServingConfig":
    """Take the floor from a bundle whose certificate holds for the files that are served."""
    from dataclasses import replace

    from eeinfer.bundle.certificate import void
    from eeinfer.bundle.folder import Bundle

    if degrade is None:
        return serving
    if len(paths) > 1:
        raise ConfigError(f"--degrade is for one bundle, and {len(paths)} are served; serve them apart")
    certificate = Bundle.open(degrade, verify=False).manifest.certificate
    if certificate is None:
        raise ConfigError(f"{degrade} has no certificate; make one: eeinfer thresholds {paths[0]} --max-loss 0.05")
    why = void(certificate, certificate.taus, Bundle.open(paths[0], verify=False).manifest.files)
    if why is not None:
        raise ConfigError(f"the certificate of {degrade} does not hold for {paths[0]}: {why}")
    say(f"under overload: {certificate.promise}")
    return replace(serving, floor=certificate.taus)
