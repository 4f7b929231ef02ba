"""``eeinfer bench --peers``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import structs

from eeinfer.bench.config import BenchConfig
from eeinfer.cli.app import say
from eeinfer.cli.options import numbers
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.errors import ConfigError

if TYPE_CHECKING:
    from eeinfer.bench.data import BenchData

Peers = Annotated[
    bool,
    typer.Option("--peers", help="Compare with everything else that could run it, a process each: see --peer."),
]
Peer = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="NAME",
        help="With --peers: this one, repeatable. native, predict_one, static, 'static tuned', cut, sessions, "
        "single-file, torch, torch.compile, earlyon, openvino, 'openvino cut', 'openvino cascade'; with --device cuda "
        "'level 3' to 'level 0', onnxruntime, static, cut, 'onnxruntime static', torch, torch.compile, torch-cond. "
        "Without it: all of them.",
        show_default=False,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --peers: what the bundle was exported from, for torch. Without it: found beside the bundle.",
        show_default=False,
    ),
]
Taus = Annotated[
    str | None,
    typer.Option(
        metavar="TAU[,TAU...]",
        help="With --peers or --callers: thresholds. Without it: as many images leave at each exit; the bundle's.",
        show_default=False,
    ),
]
Rounds = Annotated[
    int | None, typer.Option(help="How often each variant takes its turns. Without it: what suits.", show_default=False)
]


def refuse_alone(
    peers: bool, callers: str | None, peer: list[str] | None, checkpoint: Path | None, taus: str | None
) -> None:
    """Refuse options that mean nothing without ``--peers`` or ``--callers``, and these two together.

    Raises:
        ConfigError: naming the first of them.
    """
    if peers and callers:
        raise ConfigError("--peers and --callers measure different things; give one of them")
    for name, value in (("--peer", peer), ("--checkpoint", checkpoint), ("--taus", taus)):
        if value and not peers and not (callers and name == "--taus"):
            raise ConfigError(f"{name} goes with --peers: eeinfer bench --peers {name} ...")


def refuse_backend(config: BenchConfig, *, peers: bool, callers: str | None) -> None:
    """Refuse what a comparison chooses itself.

    Raises:
        ConfigError: naming it.
    """
    if callers and config.device != "cpu":
        raise ConfigError(f"--callers compares on the CPU; leave out --device {config.device}, or --callers")
    for name, value in (("--backend", config.backend), ("--level", config.level)):
        if peers and value is not None:
            raise ConfigError(f"--peers runs every backend and level there is; leave out {name} {value}, or --peers")


def compare_peers(
    bundle: Path,
    images: "BenchData",
    config: BenchConfig,
    folder: Path,
    *,
    names: list[str] | None,
    rounds: int | None,
    checkpoint: Path | None,
    taus: str | None,
    as_json: bool,
) -> None:
    """Compare, print and write the report."""
    from eeinfer.bench.peers import PeersConfig, compare, render
    from eeinfer.bench.peers.reporting.files import write_files

    defaults = PeersConfig()
    settings = PeersConfig(
        peers=tuple(names or ()),
        device=config.device,
        batch=config.batch,
        threads=config.threads,
        rounds=rounds or defaults.rounds,
        images=config.max_images or max(defaults.images, 4 * config.batch),
        taus=None if taus is None else tuple(numbers("--taus", taus)),
    )
    with shown_progress() as progress:
        report = compare(bundle, images.images, settings, progress, checkpoint=checkpoint, data=images.name)
    files = write_files(report, folder)
    if as_json:
        facts = structs.replace(report.bundle, path=str(bundle))
        typer.echo(structs.replace(report, bundle=facts).to_json().decode(), nl=False)
    else:
        print_table(render(report))
    say("report: " + ", ".join([str(files["html"]), files["json"].name, files["csv"].name]))
