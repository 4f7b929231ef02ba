"""What installed packages declare for eeinfer: entry points, by group and name."""

import functools
from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from eeinfer.errors import ConfigError, EeinferError, first_line


@functools.cache
def declared(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """Return the entry points of `group`, such as ``eeinfer.methods``, by name; several packages may share a name."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=group):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def find_declared(group: str, name: str, built_in: Collection[str]) -> EntryPoint | None:
    """Return what a package declares under `name`, or None.

    Raises:
        ConfigError: several packages declare it, or eeinfer has one of this name itself.
    """
    points = declared(group).get(name, ())
    if points and name in built_in:
        raise ConfigError(
            f"{name!r} is built in, and {_packages(points)} declares another one of that name among {group}: "
            "uninstall it, or have it choose another name"
        )
    if len(points) > 1:
        raise ConfigError(f"{name!r} is declared among {group} by {_packages(points)}: uninstall all but one")
    return points[0] if points else None


def load_declared(point: EntryPoint) -> Any:
    """Import what a package declares.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        return point.load()
    except EeinferError:
        raise
    except Exception as error:  # the code of another package: anything may happen
        raise ConfigError(
            f"{point.name!r} of {package_of(point)} cannot be imported ({type(error).__name__}: {first_line(error)}): "
            "update or uninstall that package"
        ) from error


def package_of(point: EntryPoint) -> str:
    """Return the name and version of the package that declares `point`."""
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _packages(points: tuple[EntryPoint, ...]) -> str:
    return " and ".join(map(package_of, points))
