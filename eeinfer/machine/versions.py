"""Which version of a package is installed."""

from collections.abc import Iterable
from importlib import metadata

_known: dict[str, str] = {}  # looking one up takes half a millisecond


def version_of(package: str) -> str | None:
    """Return the version of an installed package, as it was when first asked for; None where it is not installed."""
    if package not in _known:
        try:
            _known[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # it may be installed later
            return None
    return _known[package]


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of ``packages`` that are installed, in their order."""
    return {package: version for package in packages if (version := version_of(package)) is not None}
