"""``eeinfer bench --callers``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import structs

from eeinfer.cli.app import say
from eeinfer.cli.options import integers, taus
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool

Callers = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="So many threads that call one engine, such as 1,2,4,8: throughput and slowest calls.",
        show_default=False,
    ),
]
_IMAGES = 256


def compare_callers(
    bundle: Path,
    images: Any,
    folder: Path,
    *,
    counts: str,
    rounds: int | None,
    threads: int | None,
    backend: str | None,
    tau: str | None,
    as_json: bool,
) -> None:
    """Measure calls with ``images`` (as an engine takes them), print and write the report."""
    import numpy as np

    from eeinfer import load
    from eeinfer.arrays import count_rows, take
    from eeinfer.bench.callers import CallersConfig, callers_csv, callers_page, measure_callers, render_callers
    from eeinfer.bench.reporting.files import write_three

    config = CallersConfig(callers=tuple(integers("--callers", counts)), rounds=rounds or CallersConfig.rounds)
    limits = taus(tau)
    share_pool(bundle, threads, backend=backend)
    with load(bundle, threads=threads, backend=backend) as engine, shown_progress() as progress:
        some = take(images, np.arange(min(_IMAGES, count_rows(images))))
        named = backend is not None
        report = measure_callers(engine, some, config, progress, tau=limits, threads=threads, named=named)
    files = write_three(report, folder, "callers", callers_csv, callers_page)
    if as_json:
        typer.echo(structs.replace(report, path=str(bundle)).to_json().decode(), nl=False)
    else:
        print_table(render_callers(report))
    say(f"report: {files['html']}, {files['json'].name}, {files['csv'].name}")
