"""A watch against the certificate of the bundle that it is of."""

from pathlib import Path

from rich.console import Group
from rich.text import Text

from eeinfer.bench.reporting.formats import NONE, percent, significant
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bundle.certificate import void
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import InputError
from eeinfer.watching import Ground, Watch, ground

FALSE_ALARMS = 0.01


def compared(bundle: Path, watch: Path, false_alarms: float | None = None) -> tuple[Watch, Ground]:
    """Say whether a bundle's certificate still has ground in the field.

    Args:
        bundle: the .eeb folder.
        watch: what ``engine.watch().save(...)`` wrote.
        false_alarms: as `eeinfer.watching.ground`; None takes one in a hundred.

    Raises:
        BundleError: the bundle is missing or damaged.
        InputError: it has no certificate, or one that does not hold for it; as `Watch.load` and `ground`.
    """
    seen, manifest = Watch.load(watch), Bundle.open(bundle).manifest
    certificate = manifest.certificate
    if certificate is None:
        raise InputError(f"{bundle} has no certificate to compare with; get one with: eeinfer thresholds {bundle}")
    if (reason := void(certificate, manifest.taus, manifest.files)) is not None:
        raise InputError(f"the certificate of {bundle} does not hold: {reason}; get one: eeinfer thresholds {bundle}")
    return seen, ground(seen, certificate, false_alarms=FALSE_ALARMS if false_alarms is None else false_alarms)


def render_ground(watch: Watch, found: Ground) -> Group:
    """Return what a terminal shows: shares side by side, and the answer in a sentence."""
    table = plain_table("exit", "certificate\n%", "field\n%", "calls", "mean\nms", "p99\nms")
    for k, exit in enumerate(watch.exits):
        table.add_row(
            str(k), percent(found.certified[k] / sum(found.certified)), percent(watch.shares[k]), str(exit.calls),
            significant(exit.mean_ms) if exit.calls else NONE,
            significant(exit.percentile_ms(99)) if exit.calls else NONE,
        )  # fmt: skip
    counted = f"{sum(found.certified)} rows of the certificate, {sum(found.seen)} from {watch.since} to {watch.until}"
    said = "the promise still has ground" if found.holds else "the promise has no ground any more; certify again"
    chance = "" if found.p_value is None else f" (p {found.p_value:.2g}, false alarms {100 * found.false_alarms:.4g} %)"
    return Group(Text(counted, style="dim"), "", table, "", Text(said, style="bold"), Text(found.reason + chance))
