"""What ``--data`` of ``eeinfer train`` means: a data set's name, or images of the user's own."""

from pathlib import Path

from eeinfer.errors import DataError

OWN = "imagefolder"


def data_settings(data: str | None, root: Path | None) -> dict[str, object]:
    """Return the settings of the data set that are given.

    Raises:
        DataError: the folder or list is named twice.
    """
    if data is not None and _is_own(data):
        if root is not None:
            raise DataError(f"--root {root} has no effect, --data {data} says where the images are; leave it out")
        return {"data.name": OWN, "data.root": data}
    given = {"data.name": data, "data.root": None if root is None else str(root)}
    return {name: value for name, value in given.items() if value is not None}


def _is_own(data: str) -> bool:
    from eeinfer.training.data import DATASETS

    path = Path(data)
    return path.suffix.lower() == ".csv" or (path.is_dir() and data not in DATASETS)
