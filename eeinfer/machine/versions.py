"""Which version of a package is installed."""

from collections.abc import Iterable
from importlib import metadata


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of ``packages`` that are installed, in their order."""
    return {package: version for package in packages if (version := version_of(package)) is not None}
