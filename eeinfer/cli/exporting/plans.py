"""The options of ``eeinfer export --trt``, and what it says while it builds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import say
from eeinfer.cli.options import integers
from eeinfer.cli.progress import shown_progress
from eeinfer.errors import ConfigError
from eeinfer.export.trt.config import LIBRARIES, TrtConfig

if TYPE_CHECKING:
    from eeinfer.bundle.builds import Build

_DEFAULT = TrtConfig()

Trt = Annotated[bool, typer.Option("--trt", help="Build a TensorRT plan of every segment into the bundle.")]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="TARGET[,TARGET...]",
        help="With --trt: compute capabilities to build for, such as sm86 for 8.6, or current, this machine's GPU. "
        f"Without it: {','.join(_DEFAULT.targets)}.",
        show_default=False,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option(
        metavar="ROWS[,ROWS...]",
        help="With --trt: batch sizes to build for; others are padded up to the next. "
        f"Without it: {','.join(map(str, _DEFAULT.batches))}.",
        show_default=False,
    ),
]
TrtLibrary = Annotated[
    str | None,
    typer.Option(
        metavar="LIBRARY",
        help=f"With --trt: {' or '.join(LIBRARIES)}. Without it: the installed one that builds for the targets.",
        show_default=False,
    ),
]


def plan_config(trt: bool, target: str | None, batch: str | None, library: str | None) -> TrtConfig | None:
    """Return what to build, after looking whether it can be built here; None without --trt.

    Raises:
        ConfigError: an option is out of range, or has no effect.
        DependencyError: no TensorRT is installed.
        ExportError: it does not build for the targets.
    """
    given = {"--target": target, "--batch": batch, "--trt-library": library}
    if not trt:
        for option, value in given.items():
            if value is not None:
                raise ConfigError(f"{option} {value} says how TensorRT plans are built; add --trt, or leave it out")
        return None
    from eeinfer.export.trt.targets import choose

    config = TrtConfig(
        targets=_DEFAULT.targets if target is None else tuple(part.strip().lower() for part in target.split(",")),
        batches=_DEFAULT.batches if batch is None else tuple(integers("--batch", batch)),
        library=library,
    )
    choose(config)
    return config


def add_plans(bundle: Path, config: TrtConfig, *, force: bool) -> list[Path]:
    """Build plans into ``bundle``, say what came out, and return their folders."""
    from eeinfer.bundle.builds import read_build
    from eeinfer.bundle.folder import Bundle
    from eeinfer.export.trt import build_plans

    with shown_progress() as progress:
        folders = build_plans(bundle, config, force=force, progress=progress)
    opened = Bundle.open(bundle, verify=False)
    for folder in folders:
        say(described(read_build(opened, folder.relative_to(bundle).as_posix())))
    return folders


def described(build: "Build") -> str:
    """Return a line that tells plans from others: library, version, target, batches, size."""
    size_bytes, seconds = sum(plan.bytes for plan in build.plans), sum(plan.seconds for plan in build.plans)
    return (
        f"{build.library} {build.library_version} for {build.target}, batches {', '.join(map(str, build.batches))}: "
        f"{len(build.plans)} plans, {size_bytes / 1e6:.1f} MB, built in {seconds:.1f} s"
    )
