"""``eeinfer loadtest``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.options import numbers
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool

if TYPE_CHECKING:
    from eeinfer.serving.config import ServingConfig


@command(example="eeinfer loadtest --rates 200,400 --seconds 2 --rounds 1")
def loadtest(
    bundle: BundleArgument = None,
    url: Annotated[
        str | None, typer.Option(help="A server that runs already, such as http://127.0.0.1:8000; it serves BUNDLE.")
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="N[,N...]", help="Requests per second; without it around what one row at a time allows."),
    ] = None,
    deadline_ms: Annotated[
        float | None, typer.Option(help="Within which an answer counts; without it 5 times the whole network's time.")
    ] = None,
    arrivals: Annotated[
        str, typer.Option(help="poisson, bursts, or a file with a time in seconds per line.")
    ] = "poisson",
    seconds: Annotated[float, typer.Option(help="Of each turn.")] = 5.0,
    rounds: Annotated[int, typer.Option(help="In which all take turns.")] = 3,
    peer: Annotated[
        list[str] | None, typer.Option(help="One of those compared, repeatable; without it all.", show_default=False)
    ] = None,
    max_batch: Annotated[int, typer.Option(help="Rows that run a segment together, at most.")] = 32,
    queue: Annotated[int, typer.Option(help="Rows that may wait.")] = 1000,
    threads: Annotated[int | None, typer.Option(help="Of the scheduler here; without it one per core.")] = None,
    loadgen: Annotated[
        str | None,
        typer.Option(
            metavar="SCENARIO",
            help="Let MLPerf LoadGen send, for --seconds at least: SingleStream, MultiStream, Server or Offline.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Load a server with requests that come when they are due, and count the answers in time.

    Requests leave at the exits in equal shares. Without --url the scheduler runs in this process, beside the same
    without merging, one request at a time, and the network without exits in batches. With --loadgen MLPerf's own
    generator loads the scheduler or the server alone, and says whether the run is valid.
    """
    from eeinfer.bench.serving.run import LoadPlan, load_bundle, load_server
    from eeinfer.bench.serving.table import render_load
    from eeinfer.files import replace_file
    from eeinfer.serving.config import ServingConfig
    from eeinfer.serving.web.settings import model_name

    path, config = chosen_bundle(bundle), ServingConfig(max_batch=max_batch, queue=queue)
    asked = None if rates is None else tuple(numbers("--rates", rates))
    if loadgen is not None:
        _loadgen(loadgen, path, config, url, asked, seconds, deadline_ms, threads, out, json_output=json_output)
        return
    plan = LoadPlan(
        rates=asked,
        deadline_ms=deadline_ms,
        arrivals=arrivals,
        seconds=seconds,
        rounds=rounds,
        names=tuple(peer) if peer else LoadPlan.names,
    )
    with shown_progress() as progress:
        if url is None:
            share_pool(path, threads, serves=True)
            report = load_bundle(path, config, plan, progress)
        else:
            report = load_server(url, path, model_name(path), plan, progress)
    if out is not None:
        replace_file(out, report.to_json())
        say(f"report: {out}")
    if json_output:
        typer.echo(report.to_json().decode(), nl=False)
    else:
        print_table(render_load(report))


def _loadgen(
    scenario: str,
    bundle: Path,
    config: "ServingConfig",
    url: str | None,
    rates: tuple[float, ...] | None,
    seconds: float,
    latency_ms: float | None,
    threads: int | None,
    out: Path | None,
    *,
    json_output: bool,
) -> None:
    from eeinfer.bench.serving.loadgen import LoadgenPlan, run_loadgen
    from eeinfer.errors import ConfigError
    from eeinfer.files import replace_file

    if rates is not None and len(rates) > 1:
        raise ConfigError(f"LoadGen takes one rate, and --rates names {len(rates)}; run the command for each")
    rate = rates[0] if rates else None
    plan = LoadgenPlan(scenario=scenario, seconds=seconds, rate=rate, latency_ms=latency_ms)
    if url is None:
        share_pool(bundle, threads, serves=True)
    report = run_loadgen(bundle, config, plan, url)
    if out is not None:
        replace_file(out, report.to_json())
        say(f"report: {out}")
    if json_output:
        typer.echo(report.to_json().decode(), nl=False)
        return
    for name, value in report.summary.items():
        typer.echo(f"{name}: {value}")
    if report.refused or report.failed:
        say(f"not valid: {report.refused} samples were refused and {report.failed} failed")
    if not report.rules_kept:
        say("shorter than MLPerf's rules ask: 600 s, and 24,576 samples offline; add --seconds 600")
