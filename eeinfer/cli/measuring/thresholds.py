"""``eeinfer thresholds``."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.options import Data, Root, Threads
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.cli.threads import share_pool
from eeinfer.errors import InputError

if TYPE_CHECKING:
    from eeinfer.bench.thresholds.config import ThresholdsConfig
    from eeinfer.bundle.certificate import CertifiedPromise

NOT_SHOWN = 3  # exit status where no thresholds are shown to keep the promise, or it has no ground any more
_USUAL = {"--min-accuracy": "92%", "--consistency": "90%", "--budget-flops": "40%", "--confidence": "95%"}

MaxLoss = Annotated[str | None, typer.Option(metavar="SHARE", help="Accuracy lost against the full network: 1%.")]
MinAccuracy = Annotated[str | None, typer.Option(metavar="SHARE", help="Images answered with their label: 92%.")]
Consistency = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Images answered as the full network does; needs no labels.")
]
BudgetFlops = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Mean cost, of the FLOPs of the network without early exits: 40%.")
]
BudgetMs = Annotated[
    float | None,
    typer.Option(metavar="MS", help="Time of a call here; of a mean no image counts for more than ten times that."),
]
Percentile = Annotated[
    float | None, typer.Option(help="Of --budget-ms: that share of images takes no longer. Without it: the mean.")
]
Confidence = Annotated[str, typer.Option(metavar="SHARE", help="That the promise is kept, over draws of the images.")]
PerExit = Annotated[
    bool | None,
    typer.Option("--per-exit/--one-tau", help="A threshold for each exit, or one for all. Without either: both."),
]
Out = Annotated[
    Path | None, typer.Option(help="Write a copy of the bundle. Without it: the bundle itself.", show_default=False)
]

Against = Annotated[
    Path | None,
    typer.Option(
        metavar="WATCH.json",
        help="Instead of a promise: does the bundle's still fit what engine.watch().save(...) saw?",
        show_default=False,
    ),
]
FalseAlarms = Annotated[
    str | None,
    typer.Option(metavar="SHARE", help="Of --against: how often it may say no though nothing changed. Without it: 1%."),
]


@command(example="eeinfer thresholds --consistency 90% --out certified.eeb --force")
def thresholds(
    bundle: BundleArgument = None,
    data: Data = None,
    root: Root = None,
    max_loss: MaxLoss = None,
    min_accuracy: MinAccuracy = None,
    consistency: Consistency = None,
    budget_flops: BudgetFlops = None,
    budget_ms: BudgetMs = None,
    percentile: Percentile = None,
    confidence: Confidence = "95%",
    in_expectation: Annotated[bool, typer.Option("--in-expectation", help="Kept on average over draws only.")] = False,
    per_exit: PerExit = None,
    threads: Threads = None,
    against: Against = None,
    false_alarms: FalseAlarms = None,
    seed: Annotated[int, typer.Option(help="Of the split in images that choose and images that certify.")] = 0,
    out: Out = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that exists at --out.")] = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Find the fastest thresholds that keep a promise, and put them with a certificate into the bundle.

    Give exactly one promise. The images must have had no part in training or calibration, and what is reported on them
    afterwards is not independent any more. Where no thresholds are shown to keep the promise, the bundle stays as it
    is, and the exit status is 3.

    With --against it compares where rows leave in the field with where the certificate's did, without any image: exit
    status 0 where the promise has ground, 3 where it has none.
    """
    from eeinfer.bench.thresholds.config import ThresholdsConfig

    shares = {"max_loss": max_loss, "min_accuracy": min_accuracy, "consistency": consistency}
    shares["budget_flops"] = budget_flops
    if against is not None:
        _refuse_beside(against, {**shares, "budget_ms": budget_ms, "data": data, "out": out})
        _compare(
            chosen_bundle(bundle), against, _share("--false-alarms", false_alarms, below=None), as_json=json_output
        )
        return
    if false_alarms is not None:
        raise InputError(f"--false-alarms is {false_alarms} without --against; it is for comparing a watch")
    config = ThresholdsConfig(
        promise=_promise(percentile, budget_ms, shares),
        confidence=_share("--confidence", confidence) or 0.0,
        in_expectation=in_expectation,
        per_exit=per_exit,
        threads=threads,
        seed=seed,
    )
    _certify(chosen_bundle(bundle), data, root, config, out, force=force, json_output=json_output)


def _certify(
    path: Path,
    data: str | None,
    root: Path | None,
    config: "ThresholdsConfig",
    out: Path | None,
    *,
    force: bool,
    json_output: bool,
) -> None:
    from eeinfer.bench.thresholds.find import find_thresholds
    from eeinfer.bench.thresholds.images import threshold_data
    from eeinfer.bench.thresholds.store import check_place, store
    from eeinfer.bench.thresholds.table import as_json, render_found
    from eeinfer.bundle.folder import Bundle

    check_place(path, out, force=force)
    images, labelled = threshold_data(path, data, needs_labels=config.needs_labels, root=root)
    labels = images.labels if labelled else None
    share_pool(path, config.threads)  # as bench does: what is promised in milliseconds is measured there too
    with shown_progress() as progress:
        found = find_thresholds(path, images.images, labels, config, progress, data=images.name)
    if json_output:
        typer.echo(json.dumps({"bundle": str(path), **as_json(found)}, indent=2))
    else:
        print_table(render_found(found, Bundle.open(path, verify=False).manifest))
    if found.certificate is None:
        raise typer.Exit(NOT_SHOWN)
    target = store(path, found.certificate, out, force=force)
    say(f"certified: {target}; see it with: eeinfer inspect {target}")


def _refuse_beside(against: Path, given: dict[str, object]) -> None:
    if named := [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]:
        raise InputError(f"--against {against} asks about the bundle's own promise; leave out {', '.join(named)}")


def _compare(path: Path, against: Path, false_alarms: float | None, *, as_json: bool) -> None:
    from msgspec import to_builtins

    from eeinfer.bench.thresholds.against import compared, render_ground

    watch, found = compared(path, against, false_alarms)
    if as_json:
        typer.echo(json.dumps({"bundle": str(path), **to_builtins(found)}, indent=2))
    else:
        print_table(render_ground(watch, found))
    if not found.holds:
        raise typer.Exit(NOT_SHOWN)


def _promise(percentile: float | None, budget_ms: float | None, shares: dict[str, str | None]) -> "CertifiedPromise":
    from eeinfer.bundle.certificate import CertifiedPromise

    # A cascade that seldom leaves takes more than the network without exits: a budget may be beyond 100 %.
    most = {"budget_flops": math.inf}
    given = {
        kind: _share(f"--{kind.replace('_', '-')}", text, below=most.get(kind, 1)) for kind, text in shares.items()
    }
    given["budget_ms"] = budget_ms
    made = {kind: value for kind, value in given.items() if value is not None}
    options = ", ".join(f"--{kind.replace('_', '-')}" for kind in given)
    if len(made) != 1:
        known = " and ".join(f"--{kind.replace('_', '-')}" for kind in made) or "none"
        raise InputError(f"of the promises {options} give exactly one, not {known}: --max-loss 1%, say")
    [(kind, value)] = made.items()
    return CertifiedPromise(kind=kind, value=value, percentile=percentile)


def _share(option: str, text: str | None, *, below: float | None = 1) -> float | None:
    """Return "1%" as 0.01; a number without the sign is a share too. With ``below`` it lies between 0 and that."""
    if text is None:
        return None
    percent = text.strip().endswith("%")
    example = _USUAL.get(option, "1%")
    allowed = f"percentages above 0%{' and below 100%' if below == 1 else ''}, such as {example}"
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"{option} is {text!r}; give a percentage, such as {example}") from None
    if not percent and 1 <= number < math.inf:
        raise InputError(f"{option} is {text}; is that {number:g}%? Write the sign, or a share below 1")
    share = number / 100 if percent else number
    if below is not None and not 0 < share < below:
        raise InputError(f"{option} is {text}; allowed are {allowed}")
    return share
