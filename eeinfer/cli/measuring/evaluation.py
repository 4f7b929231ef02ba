"""``eeinfer eval``."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.options import BackendName, Data, DeviceName, Root, Threads
from eeinfer.cli.options import Tau, taus
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool

if TYPE_CHECKING:
    from rich.console import Group

    from eeinfer.bench.evaluate import Evaluation

_MISTAKES = 5  # the commonest ones are shown
_SMALL = 12  # classes up to which the whole confusion fits a terminal

Confusion = Annotated[bool, typer.Option("--confusion", help="Print the whole confusion matrix, however many classes.")]


@command(example="eeinfer eval --tau 0.9")
def eval(
    bundle: BundleArgument = None,
    data: Data = None,
    root: Root = None,
    tau: Tau = None,
    device: DeviceName = "cpu",
    backend: BackendName = None,
    threads: Threads = None,
    confusion: Confusion = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Count right answers: of every exit, of the cascade at the bundle's thresholds, and what is taken for what.

    Nothing is timed; eeinfer bench does that.
    """
    import eeinfer
    from eeinfer.bench.data import bench_data
    from eeinfer.bench.evaluate import evaluate
    from eeinfer.bench.reporting.records import encode

    path = chosen_bundle(bundle)
    images = bench_data(path, data, root=root)
    if device == "cpu":
        share_pool(path, threads, backend=backend)
    engine = eeinfer.load(path, tau=taus(tau), device=device, backend=backend, threads=threads)
    with engine, shown_progress() as progress:
        found = evaluate(engine, images.images, images.labels, progress, data=images.name)
    if json_output:
        typer.echo(encode(found).decode(), nl=False)
        return
    print_table(_shown(found, everything=confusion))
    if found.seen:
        say("these images chose the bundle's thresholds, so their accuracy is not independent: measure on others")
    words = ["eeinfer", "bench", str(path), *([] if data is None else ["--data", data])]
    say(f"for milliseconds: {shlex.join(words)}")


def _shown(found: "Evaluation", *, everything: bool) -> "Group":
    from rich.console import Group
    from rich.text import Text

    low, high = (f"{100 * bound:.1f}" for bound in found.interval)
    answer = (
        f"cascade: {found.accuracy:.2%} right (95 % interval {low} to {high} %), {found.flops:,.0f} FLOPs per image, "
        f"{found.flops / found.exits[-1].flops:.0%} of those to the last exit"
    )
    lost = f"; {found.unanswered} without an answer" if found.unanswered else ""
    return Group(
        Text(f"{found.bundle} on {found.data}: {found.images} images{lost}", style="bold"),
        _exits(found),
        Text(answer, style="bold"),
        *_mistakes(found),
        *([_matrix(found)] if everything or len(found.classes) <= _SMALL else []),
    )


def _exits(found: "Evaluation") -> "Group":
    from rich.console import Group

    from eeinfer.bench.reporting.table import plain_table

    table = plain_table("exit", "accuracy %", "95 % interval", "tau", "leave here %", "right of these %", "FLOPs")
    for k, exit in enumerate(found.exits):
        low, high = (f"{100 * bound:.1f}" for bound in exit.interval)
        here = "-" if exit.left_accuracy is None else f"{100 * exit.left_accuracy:.2f}"
        share = f"{100 * exit.left / found.images:.1f}"
        tau = "last" if k == len(found.exits) - 1 else f"{exit.tau:.4g}"
        table.add_row(
            f"{k} {exit.module}", f"{100 * exit.accuracy:.2f}", f"{low} to {high}", tau, share, here, f"{exit.flops:,}"
        )
    return Group(table)


def _mistakes(found: "Evaluation") -> "list[Group]":
    from rich.console import Group
    from rich.text import Text

    from eeinfer.bench.evaluate import confused

    pairs = confused(found, _MISTAKES)
    if not pairs:
        return []
    text = ", ".join(f"{name} taken for {other} {count} x" for name, other, count in pairs)
    return [Group(Text(f"commonest mistakes: {text}"))]


def _matrix(found: "Evaluation") -> "Group":
    from rich.console import Group

    from eeinfer.bench.reporting.table import plain_table

    table = plain_table("is \\ answered", *(name[:_SMALL] for name in found.classes))
    for name, row in zip(found.classes, found.confusion, strict=True):
        table.add_row(name, *(str(count) if count else "." for count in row))
    return Group(table)
