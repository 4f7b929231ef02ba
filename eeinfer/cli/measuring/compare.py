"""``eeinfer compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eeinfer.bench.versus.config import VersusConfig
from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.measuring.options import Data, MaxImages, Out, Root, Threads
from eeinfer.cli.measuring.place import Force, kept_apart
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.errors import EeinferError, InputError

if TYPE_CHECKING:
    from eeinfer.bench.versus.report import VersusReport

_DEFAULTS = VersusConfig()
_FOLDER = Path("comparison")

Bundles = Annotated[
    list[Path], typer.Argument(metavar="A.eeb B.eeb ...", help="Two bundles or more.", show_default=False)
]
Rounds = Annotated[int, typer.Option(help="How often each bundle takes its turns.")]
Timed = Annotated[int, typer.Option(help="Images that are timed.")]


@command(example="eeinfer compare a.eeb b.eeb --data photos")
def compare(
    bundles: Bundles,
    data: Data = None,
    root: Root = None,
    rounds: Rounds = _DEFAULTS.rounds,
    timed: Timed = _DEFAULTS.timed,
    threads: Threads = None,
    max_images: MaxImages = None,
    out: Out = None,
    force: Force = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Compare bundles on the same images: accuracy with intervals, milliseconds, exits, memory and files.

    Each runs in a process of its own, all taking turns. Bundles that were trained alike but for the seed get a row with
    the mean and deviation over them. Besides the table there is a report as JSON, CSV and HTML.
    """
    from eeinfer.bench.reporting.files import write_three
    from eeinfer.bench.versus import render_versus, versus_csv, versus_page

    if len(bundles) < 2:
        raise InputError(f"{bundles[0]} alone has nothing to be compared with; give two bundles, or run eeinfer bench")
    if len(set(bundles)) < len(bundles):
        raise InputError(f"{max(bundles, key=bundles.count)} is named twice; name each bundle once")
    config = VersusConfig(rounds=rounds, timed=timed, threads=threads, max_images=max_images)
    folder = kept_apart(out or _FOLDER, "comparison", force=force)
    report = _compared(bundles, data, root, config)
    files = write_three(report, folder, "comparison", versus_csv, versus_page)
    if json_output:
        typer.echo(report.to_json().decode(), nl=False)
    else:
        print_table(render_versus(report))
    say(f"report: {files['html']}, {files['json'].name}, {files['csv'].name}")


def _compared(bundles: list[Path], data: str | None, root: Path | None, config: VersusConfig) -> "VersusReport":
    from eeinfer.bench.data import bench_data
    from eeinfer.bench.versus import compare_bundles
    from eeinfer.bench.workers.base import Unavailable
    from eeinfer.bench.workers.process import PeerFailed

    found = {path: bench_data(path, data, root=root) for path in bundles}
    names = sorted({f"{len(one.labels)} images of {one.name}" for one in found.values()})
    if len(names) > 1:
        raise InputError(f"the bundles would see different images, {' and '.join(names)}; say which with --data")
    given = {path: _part(one.images, one.labels, config) for path, one in found.items()}
    try:
        with shown_progress() as progress:
            return compare_bundles(given, config, progress, data=found[bundles[0]].name)
    except (PeerFailed, Unavailable) as error:
        raise EeinferError(f"a bundle does not run here: {error}") from error


def _part(images: Any, labels: Any, config: VersusConfig) -> tuple[Any, Any]:
    """All images, or a random part of them, the same for every bundle."""
    import numpy as np

    from eeinfer.arrays import take

    if config.max_images is None or config.max_images >= len(labels):
        return images, labels
    rows = np.sort(np.random.default_rng(config.seed).choice(len(labels), config.max_images, replace=False))
    return take(images, rows), labels[rows]
