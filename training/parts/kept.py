"""What a checkpoint keeps of a user's own parts, and how they are found again: by hash, in files that are given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from eeinfer.errors import CheckpointError
from eeinfer.files import replace_file
from eeinfer.machine.packages import declared
from eeinfer.training.config import TrainConfig
from eeinfer.training.parts import GROUPS, NOUNS, own_part
from eeinfer.training.parts.files import hash_of, in_file, kept_in_file, kept_name

PARTS_NAME = "parts"  # folder below that of a run, with a copy of every file that its parts come from
_BUILT = ("backbone", "method")  # without them there is no model


class InAFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="file"):
    """A part that came from a file of Python."""

    file: str  # without its folder
    name: str
    sha256: str


class InAPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="package"):
    """A part that an installed package declares."""

    package: str
    version: str
    name: str


def portable(config: TrainConfig) -> TrainConfig:
    """Return `config` with names for parts of files that say which file it was, and that nothing runs.

    Raises:
        ConfigError: a file cannot be read.
    """
    places = {kind: in_file(name) for kind, name in _names(config).items()}
    return renamed(config, {kind: kept_name(place) for kind, place in places.items() if place is not None})


def origins(config: TrainConfig) -> dict[str, Any]:  # JSON
    """Return where the parts of `config` come from that are not eeinfer's own, by kind.

    Raises:
        ConfigError: a file cannot be read.
    """
    found: dict[str, InAFile | InAPackage] = {}
    for kind, name in _names(config).items():
        place = in_file(name)
        if place is not None:
            found[kind] = InAFile(file=Path(place.file).name, name=place.name, sha256=hash_of(place.file))
        elif name in declared(GROUPS[kind]):
            source = declared(GROUPS[kind])[name][0].dist
            found[kind] = InAPackage(
                package=source.name if source else "", version=source.version if source else "", name=name
            )
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def names_of_parts(kept: Any, files: Sequence[str | Path], checkpoint: Path) -> dict[str, str]:
    """Return the names, for a config, of those parts of a checkpoint that are in `files`, which the user gives.

    The files are run here. A data set may stay out: a model is built without it.

    Args:
        kept: what `origins` returned when the checkpoint was written.
        files: paths of Python files.
        checkpoint: for messages.

    Raises:
        CheckpointError: a part that the model needs is not given or not installed, or is not as it was; or a file has
            no part of this checkpoint.
        ConfigError: a file cannot be read or run.
    """
    try:
        found = {kind: msgspec.convert(part, InAFile | InAPackage) for kind, part in dict(kept).items()}
        strange = {*found} - {*GROUPS}
    except (msgspec.ValidationError, TypeError, ValueError):
        strange = {"parts"}
    if strange:
        raise CheckpointError(f"{checkpoint} is damaged, it does not say where its parts came from: train again")
    sums = {hash_of(file): Path(file).resolve() for file in files}
    names = {}
    for kind, origin in found.items():
        if isinstance(origin, InAPackage):
            _refuse_uninstalled(kind, origin, checkpoint)
        elif origin.sha256 in sums:
            names[kind] = f"{sums[origin.sha256]}:{origin.name}"
            own_part(kind, names[kind], ())
        else:
            _refuse_other(kind, origin, files, checkpoint)
    _refuse_unused(sums, [origin for origin in found.values() if isinstance(origin, InAFile)], checkpoint)
    return names


def own_files(config: TrainConfig) -> list[Path]:
    """Return the files that parts of `config` come from."""
    places = map(in_file, _names(config).values())
    return [*dict.fromkeys(Path(place.file) for place in places if place is not None)]


def copy_files(config: TrainConfig, run: Path) -> None:
    """Keep a copy of the files that parts of `config` come from in the folder of its run."""
    for file in own_files(config):
        (run / PARTS_NAME).mkdir(exist_ok=True)
        replace_file(run / PARTS_NAME / file.name, file.read_bytes())


def shown_name(name: str) -> str:
    """Return what people call a part: of one in a file the name in it."""
    place = in_file(name) or kept_in_file(name)
    return name if place is None else place.name


def _refuse_uninstalled(kind: str, origin: InAPackage, checkpoint: Path) -> None:
    if kind in _BUILT and origin.name not in declared(GROUPS[kind]):
        raise CheckpointError(
            f"the {NOUNS[kind]} {origin.name!r} of {checkpoint} comes from the package {origin.package} "
            f"{origin.version}, which is not installed: pip install {origin.package}=={origin.version}"
        )


def _refuse_other(kind: str, origin: InAFile, files: Sequence[str | Path], checkpoint: Path) -> None:
    part = f"the {NOUNS[kind]} {origin.name} of {checkpoint} comes from the file {origin.file}"
    copy = f"the folder of the run keeps a copy, {PARTS_NAME}/{origin.file}"
    same = [file for file in files if Path(file).name == origin.file]
    if same:
        raise CheckpointError(
            f"{part}, and {same[0]} is another one (SHA-256 {hash_of(same[0])[:12]} instead of "
            f"{origin.sha256[:12]}): give it as it was in training; {copy}"
        )
    if kind in _BUILT:
        raise CheckpointError(
            f"{part}, and no checkpoint runs code by itself: add --part {origin.file} to the command "
            f"(in Python: parts=[{origin.file!r}]); {copy}"
        )


def _refuse_unused(sums: Mapping[str, Path], kept: Sequence[InAFile], checkpoint: Path) -> None:
    for sum, path in sums.items():
        if sum not in {origin.sha256 for origin in kept}:
            names = ", ".join(origin.file for origin in kept)
            what = f"its parts come from {names}" if names else "all of its parts are eeinfer's own or a package's"
            raise CheckpointError(f"no part of {checkpoint} is in {path.name}: {what}; leave --part {path.name} out")


def _names(config: TrainConfig) -> dict[str, str]:
    return {kind: getattr(config, kind).name for kind in GROUPS}


def renamed(config: TrainConfig, names: Mapping[str, str]) -> TrainConfig:
    """Return `config` with other names for some kinds of parts."""
    changed: dict[str, Any] = {kind: replace(getattr(config, kind), name=name) for kind, name in names.items()}
    return replace(config, **changed)
