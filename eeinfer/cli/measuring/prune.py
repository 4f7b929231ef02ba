"""``eeinfer prune``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.options import Data, Root, Threads
from eeinfer.cli.progress import shown_progress, tell
from eeinfer.cli.threads import share_pool
from eeinfer.errors import ConfigError, InputError

if TYPE_CHECKING:
    from eeinfer.bench.thresholds.paying import Paying
    from eeinfer.bundle.manifest import Manifest

Keep = Annotated[
    str | None,
    typer.Option(metavar="EXITS", help="Such as 0,2: those that stay. Without it: those that pay here, measured."),
]
Out = Annotated[Path | None, typer.Option(help="The bundle to write. Without it: NAME-pruned.eeb.", show_default=False)]


@command(example="eeinfer prune --keep 0,3 --out pruned.eeb --force")
def prune(
    bundle: BundleArgument = None,
    keep: Keep = None,
    data: Data = None,
    root: Root = None,
    threads: Threads = None,
    out: Out = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that exists.")] = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Drop exits that cost more than they save on this machine: segments are merged, nothing is trained.

    What the kept exits answer stays the same, and is compared. Thresholds of kept exits stay as they are.
    """
    from eeinfer.bundle.folder import Bundle
    from eeinfer.export import prune as write

    path = chosen_bundle(bundle)
    if keep is not None and data is not None:
        raise InputError("--keep names the exits and --data measures which pay; give one of them")
    before = Bundle.open(path).manifest
    paying = None if keep is not None else _measured(path, data, root, threads)
    kept = _numbers(keep) if keep is not None else list(paying.keep) if paying is not None else []
    if len(kept) == len(before.segments) and paying is not None:
        say("every exit pays on this machine; nothing is dropped")
        raise typer.Exit
    target = write(path, kept, out, force=force, progress=tell)
    after = Bundle.open(target).manifest
    if json_output:
        facts = {"path": str(target), "bundle": str(path), "keep": kept}
        typer.echo(json.dumps({**facts, **_times(paying), "flops": [s.cumulative_flops for s in after.segments]}))
        return
    for line in _lines(before, after, kept, paying):
        say(line)
    typer.echo(target)


def _measured(path: Path, data: str | None, root: Path | None, threads: int | None) -> "Paying":
    from eeinfer.bench import bench_data
    from eeinfer.bench.thresholds.paying import exits_that_pay

    images = bench_data(path, data, root=root)
    share_pool(path, threads)
    with shown_progress() as progress:
        return exits_that_pay(path, images.images, images.labels, progress, threads=threads)


def _times(paying: "Paying | None") -> dict[str, object]:
    if paying is None:
        return {}
    return {"cost_ms": paying.cost_ms, "before_ms": paying.before_ms, "after_ms": paying.after_ms}


def _lines(before: "Manifest", after: "Manifest", kept: list[int], paying: "Paying | None") -> list[str]:
    """The exits before and after."""
    lines = []
    for k, segment in enumerate(before.segments):
        cost = "" if paying is None else f", adds {paying.cost_ms[k]:.3g} ms for what goes on"
        now = "dropped" if k not in kept else f"exit {kept.index(k)}"
        lines.append(f"exit {k} ({segment.module}): {segment.cumulative_flops:,} FLOPs{cost} -> {now}")
    total = f"{before.segments[-1].cumulative_flops:,} -> {after.segments[-1].cumulative_flops:,}"
    lines.append(f"FLOPs of the whole cascade: {total}")
    if paying is not None:
        lines.append(f"mean per image, predicted from these times: {paying.before_ms:.3g} -> {paying.after_ms:.3g} ms")
    return lines


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"--keep is {text!r}; give numbers of exits, such as 0,2") from None
