"""``eeinfer bench``."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from msgspec import structs

from eeinfer.bench.config import BenchConfig
from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.callers import Callers, compare_callers
from eeinfer.cli.measuring.options import (
    BackendName,
    Batch,
    Data,
    DeviceName,
    GridFamily,
    Level,
    MaxImages,
    Out,
    Root,
    Threads,
    Thresholds,
)
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
from eeinfer.cli.measuring.place import Force, report_folder
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool

if TYPE_CHECKING:
    from eeinfer.bench.data import BenchData

_DEFAULTS = BenchConfig()


@command(example="eeinfer bench --thresholds 100")
def bench(
    bundle: BundleArgument = None,
    thresholds: Thresholds = _DEFAULTS.thresholds,
    grid: GridFamily = _DEFAULTS.grid,
    data: Data = None,
    root: Root = None,
    batch: Batch = _DEFAULTS.batch,
    threads: Threads = _DEFAULTS.threads,
    device: DeviceName = _DEFAULTS.device,
    backend: BackendName = _DEFAULTS.backend,
    level: Level = _DEFAULTS.level,
    max_images: MaxImages = _DEFAULTS.max_images,
    rounds: Rounds = None,
    peers: Peers = False,
    peer: Peer = None,
    checkpoint: Checkpoint = None,
    callers: Callers = None,
    taus: Taus = None,
    out: Out = None,
    force: Force = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Measure accuracy, latency and FLOPs over a range of thresholds.

    Every threshold is run for real, beside the same network without exits. Besides the table there is a report as
    JSON, CSV and HTML. With --peers the cascade is compared with everything else a user could run, at each exit and
    in a mix of exits. With --callers threads share one engine.
    """
    from eeinfer.bench.data import bench_data, given_images

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
        min_seconds=_DEFAULTS.min_seconds if rounds is None else 0,  # who says how often means it
    )
    path = chosen_bundle(bundle)
    refuse_backend(config, peers=peers, callers=callers)
    stem = "peers" if peers else "callers" if callers else "report"
    folder = report_folder(path, out, stem, force=force)
    if peers:
        images = bench_data(path, data, root=root)
        compare_peers(
            path,
            images,
            config,
            folder,
            names=peer,
            rounds=rounds,
            checkpoint=checkpoint,
            taus=taus,
            as_json=json_output,
        )
    elif callers:
        some = given_images(path, data, root=root).images
        compare_callers(
            path,
            some,
            folder,
            counts=callers,
            rounds=rounds,
            threads=threads,
            backend=backend,
            tau=taus,
            as_json=json_output,
        )
    else:
        _measure(path, bench_data(path, data, root=root), config, folder, as_json=json_output)


def _measure(bundle: Path, images: "BenchData", config: BenchConfig, folder: Path, *, as_json: bool) -> None:
    from eeinfer.bench import measure, render, write_files

    if config.device == "cpu":
        share_pool(bundle, config.threads, backend=config.backend)
    with shown_progress() as progress:
        report = measure(bundle, images.images, images.labels, config, progress, data=images.name)
    files = write_files(report, folder)
    if as_json:
        facts = structs.replace(report.bundle, path=str(bundle))
        typer.echo(structs.replace(report, bundle=facts).to_json().decode(), nl=False)
    else:
        print_table(render(report))
    say(f"report: {files['html']}, {files['json'].name}, {files['csv'].name}")
