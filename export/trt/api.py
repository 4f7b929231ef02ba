"""From a bundle to plans inside it."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter

from eeinfer.bundle.build_record import (
    BUILD_NAME,
    FOLDER,
    Build,
    Plan,
    encode_build,
    folder_name,
    plan_name,
    platform_name,
)
from eeinfer.bundle.builds import source_sha256
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Segment
from eeinfer.errors import ExportError
from eeinfer.export.trt.config import TrtConfig
from eeinfer.export.trt.plan import PlanBuilder
from eeinfer.export.trt.targets import BuildLibrary, choose
from eeinfer.export.trt.timing import TimingCache
from eeinfer.export.write import replacing
from eeinfer.progress import Progress, silent


def build_plans(
    bundle: str | Path,
    config: TrtConfig | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
) -> list[Path]:
    """Build a TensorRT plan of every segment into ``engines/`` of the bundle; return the folders, one per target.

    A plan takes batches of exactly the rows in ``config.batches``, with one optimisation profile for each, in this
    order. Its inputs and outputs are called as the manifest says. The bundle itself does not change.

    Args:
        bundle: the folder that ``eeinfer export`` wrote.
        config: targets, batches, library and flags.
        force: replace plans that are there.
        progress: told before and after each plan.

    Raises:
        BundleError: the bundle is missing, damaged, or not a bundle.
        DependencyError: no TensorRT is installed.
        ExportError: the bundle is in int8 for processors, TensorRT does not build for a target, cannot build a segment,
            or there are plans already; of the target where it fails nothing is left behind, and what was there stays.
    """
    source, config = Bundle.open(bundle), config or TrtConfig()
    _check_device(source)
    library = choose(config)
    folders = [source.file(folder_name(library.name, target)) for target in library.targets]
    there = next((folder for folder in folders if folder.exists()), None)
    if there is not None and not force:
        raise ExportError(f"{there} exists; build it again with --force")
    timing = TimingCache(library)
    with _engines(source):
        for target, folder in zip(library.targets, folders, strict=True):
            builder = PlanBuilder(library, target, config, timing)
            with replacing(folder) as temporary:
                plans = tuple(_plans(source, builder, temporary, _towards(progress, folder)))
                (temporary / BUILD_NAME).write_bytes(encode_build(_described(library, target, config, plans)))
    timing.keep()
    return folders


def _check_device(bundle: Bundle) -> None:
    precision = bundle.manifest.precision
    if bundle.manifest.device == "cpu":
        raise ExportError(
            f"{bundle.path} is in {precision} as processors compute it, which TensorRT does not read; "
            f"make one for GPUs: eeinfer export CHECKPOINT --precision {precision} --trt"
        )


@contextlib.contextmanager
def _engines(bundle: Bundle) -> Iterator[None]:
    """Make the folder of all plans, and take it away again if none was built."""
    folder = bundle.file(FOLDER)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot write into {bundle.path}: {error.strerror}; copy the bundle elsewhere") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it holds plans
            folder.rmdir()


def _plans(bundle: Bundle, builder: PlanBuilder, folder: Path, progress: Callable[[int, int], None]) -> Iterator[Plan]:
    segments = bundle.manifest.segments
    for done, segment in enumerate(segments):
        progress(done, len(segments))
        yield _write(bundle, builder, folder, segment)
    progress(len(segments), len(segments))


def _write(bundle: Bundle, builder: PlanBuilder, folder: Path, segment: Segment) -> Plan:
    started = perf_counter()
    data = memoryview(builder.build(bundle.file(segment.file), segment))
    seconds = perf_counter() - started
    (folder / plan_name(segment)).write_bytes(data)
    return Plan(
        file=plan_name(segment),
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=data.nbytes,
        onnx_sha256=source_sha256(bundle, segment),
        seconds=round(seconds, 3),
    )


def _towards(progress: Progress, folder: Path) -> Callable[[int, int], None]:
    return lambda done, planned: progress(f"building {folder.name}", done, planned)


def _described(library: BuildLibrary, target: str, config: TrtConfig, plans: tuple[Plan, ...]) -> Build:
    return Build(
        library=library.name,
        library_version=library.version,
        target=target,
        platform=platform_name(),
        flags=config.flags,
        batches=config.batches,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        plans=plans,
    )
