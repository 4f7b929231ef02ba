"""``eeinfer bench``."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.bench.config import GRIDS, BenchConfig
from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.callers import Callers, compare_callers
from eeinfer.cli.measuring.peers import (
    Checkpoint,
    Peer,
    Peers,
    Rounds,
    Taus,
    compare_peers,
    refuse_alone,
    refuse_backend,
)
from eeinfer.cli.measuring.place import report_folder
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool

_DEFAULTS = BenchConfig()


@command(example="eeinfer bench --thresholds 100")
def bench(
    bundle: BundleArgument = None,
    thresholds: Annotated[
        int, typer.Option(help="Points of the grids linspace and log, 0 and 1 included.")
    ] = _DEFAULTS.thresholds,
    grid: Annotated[
        str,
        typer.Option(
            metavar="|".join(GRIDS),
            help="Family of thresholds. auto: what suits the score. budget: fitted per exit on half of the images.",
        ),
    ] = _DEFAULTS.grid,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FOLDER|FILE.npz",
            help="Images: a data set, CLASS/IMAGE files, or arrays 'images' and 'labels'. Without it: as trained on.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Images per timed call.")] = _DEFAULTS.batch,
    threads: Annotated[
        int | None, typer.Option(help="Threads per session. Without it: one per core.", show_default=False)
    ] = _DEFAULTS.threads,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1.")] = _DEFAULTS.device,
    backend: Annotated[
        str | None,
        typer.Option(help="Of the cascade, such as onnxruntime-cuda. Without it: the best one.", show_default=False),
    ] = _DEFAULTS.backend,
    level: Annotated[
        int | None,
        typer.Option(
            help="With --device cuda: how little waits for the host, 0 to 3. Without it: the backend's own.",
            show_default=False,
        ),
    ] = _DEFAULTS.level,
    max_images: Annotated[
        int | None, typer.Option(help="Accuracy from a random part of the images.", show_default=False)
    ] = _DEFAULTS.max_images,
    rounds: Rounds = None,
    peers: Peers = False,
    peer: Peer = None,
    checkpoint: Checkpoint = None,
    callers: Callers = None,
    taus: Taus = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report. Without it: NAME-bench.", show_default=False)
    ] = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Measure accuracy, latency and FLOPs over a range of thresholds.

    Every threshold is run for real, beside the same network without exits. Besides the table there is a report as
    JSON, CSV and HTML. With --peers the cascade is compared with everything else a user could run, at each exit and
    in a mix of exits. With --callers threads share one engine.
    """
    from eeinfer.bench import bench_data, measure, render, write_files

    refuse_alone(peers, callers, peer, checkpoint, taus)
    config = BenchConfig(
        grid=grid,
        thresholds=thresholds,
        batch=batch,
        threads=threads,
        device=device,
        backend=backend,
        level=level,
        max_images=max_images,
        rounds=_DEFAULTS.rounds if rounds is None else rounds,
    )
    path = chosen_bundle(bundle)
    refuse_backend(config, peers=peers, callers=callers)
    folder = report_folder(path, out)
    if peers:
        compare_peers(
            path,
            data,
            config,
            names=peer,
            rounds=rounds,
            checkpoint=checkpoint,
            taus=taus,
            folder=folder,
            json_output=json_output,
        )
        return
    if callers:
        compare_callers(
            path,
            data,
            counts=callers,
            rounds=rounds,
            threads=threads,
            tau=taus,
            folder=folder,
            json_output=json_output,
        )
        return
    images = bench_data(path, data)
    if config.device == "cpu":
        share_pool(path, config.threads)
    with shown_progress() as progress:
        report = measure(path, images.images, images.labels, config, progress, data=images.name)
    files = write_files(report, folder)
    if json_output:
        typer.echo(report.to_json().decode(), nl=False)
    else:
        print_table(render(report))
    say(f"report: {files['html']}, {files['json'].name}, {files['csv'].name}")
