"""From a bundle to its optimised form: made once, tried, and published by one rename."""

import contextlib
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from eeinfer.backends.ort import optimised
from eeinfer.bundle.build_record import BUILD_NAME
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.bundle.optimised import OptimisedBuild, encode_optimised, read_form, read_record
from eeinfer.bundle.sums import sums
from eeinfer.errors import BundleError, ConfigError, ExportError, first_line
from eeinfer.export.optimise.segments import write_segments
from eeinfer.export.optimise.trial import Unsuitable, answers, check_answers, trial_inputs
from eeinfer.machine import cache
from eeinfer.machine.leftovers import clean_up, working_folder
from eeinfer.machine.locks import locked

Into = Literal["cache", "bundle"]

_MOST_BYTES = 4 << 30  # of optimised forms that the cache keeps


def optimise(bundle: Bundle, into: Into = "cache", *, wait_s: float = 60.0) -> Path | None:
    """Make the segments as ONNX Runtime computes them on this machine, unless they are there.

    Args:
        bundle: whose files may be replaced meanwhile: the form is of those that its fingerprint stands for, or of none.
        into: "cache" keeps the form for this machine, "bundle" puts it into ``engines/``, for all machines of its kind.
        wait_s: how long to wait where another process makes the same.

    Returns:
        The folder of the form; None where another process is still making it.

    Raises:
        Unsuitable: optimised the network answers differently or does not run; that is remembered on this machine.
        BundleError: a file of the bundle is missing or was altered, or ONNX Runtime cannot open it.
        ConfigError: nothing is kept on this machine.
        ExportError: the place cannot be written, or the bundle was replaced meanwhile.
    """
    place = bundle.file(optimised.target(bundle).folder) if into == "bundle" else optimised.place(bundle)
    if place is None:
        raise ConfigError(
            f"nothing is kept on this machine: name a folder with {cache.VARIABLE}, or give --into bundle"
        )
    try:
        if into == "bundle":
            place.parent.mkdir(exist_ok=True)
        else:
            cache.make_folder(place.parent)
        return place if _is_there_or_made(bundle, place, wait_s) else None
    except OSError as error:
        raise ExportError(f"cannot write {place}: {error.strerror or first_line(error)}") from error
    except Unsuitable as error:
        optimised.refuse(bundle, str(error))
        raise
    finally:
        if into == "bundle":
            with contextlib.suppress(OSError):  # it holds builds
                place.parent.rmdir()


def _is_there_or_made(bundle: Bundle, place: Path, wait_s: float) -> bool:
    if _is_sound(bundle, place):
        return True
    with locked(place.with_name(f".{place.name}.lock"), wait_s=wait_s) as mine:
        if not mine:
            return False
        if not _is_sound(bundle, place):
            cache.discard(place)
            _make(bundle, place)
        return True


def _is_sound(bundle: Bundle, place: Path) -> bool:
    if not place.exists():
        return False
    try:
        form = read_form(bundle, place, read_record(place))
        form.check()
    except BundleError:
        return False
    return form.build.target == optimised.target(bundle)


def _make(bundle: Bundle, place: Path) -> None:
    """Work in a hidden folder beside ``place``, on a copy of the bundle that nobody replaces."""
    cache.prune(place, _MOST_BYTES)
    clean_up(place)
    with working_folder(place) as work:
        source, form = _copied(bundle, work / "source"), work / "form"
        inputs = trial_inputs(source)
        expected = answers(source, inputs, optimised=False)
        form.mkdir()
        made = write_segments(source, form)
        build = OptimisedBuild(
            target=optimised.target(bundle),
            created=datetime.now(timezone.utc).isoformat(timespec="microseconds"),
            segments=made.segments,
            files=made.files,
            crc32=sums(form),
        )
        record = encode_optimised(build)
        (form / BUILD_NAME).write_bytes(record)
        check_answers(source, expected, answers(read_form(source, form, record).bundle, inputs, optimised=True))
        _publish(form, place)


def _copied(bundle: Bundle, folder: Path) -> Bundle:
    for name in (MANIFEST_NAME, *bundle.manifest.files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle.file(name), folder / name)
    copy = Bundle.open(folder)
    if copy.fingerprint != bundle.fingerprint:
        raise ExportError(f"{bundle.path} was replaced while it was copied; open it again")
    return copy


def _publish(form: Path, place: Path) -> None:
    """Give the finished form its name; where another process was quicker, its form stays."""
    try:
        form.rename(place)
    except OSError:
        if not place.exists():
            raise
