"""What is known of image files before any is opened."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Photos:
    """N image files."""

    place: Path  # the folder, or the list
    paths: tuple[Path, ...]
    names: tuple[str, ...] | None  # [N] the class of each; None where nobody says

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: Iterable[int]) -> "Photos":
        """Return some of them."""
        rows = list(rows)
        names = None if self.names is None else tuple(self.names[row] for row in rows)
        return Photos(place=self.place, paths=tuple(self.paths[row] for row in rows), names=names)
