"""An analysis on disk: everything as JSON and CSV, and one picture."""

import os
from dataclasses import asdict
from pathlib import Path

import msgspec

from eeinfer.bench.analysis.plots import picture
from eeinfer.bench.analysis.tables import columns, rows
from eeinfer.bench.reporting.files import csv_text, write_all
from eeinfer.training.analysis.analyse import Analysis


def to_json(analysis: Analysis) -> bytes:
    """Encode all of it."""
    return msgspec.json.format(msgspec.json.encode(asdict(analysis)), indent=2)


def write_analysis(analysis: Analysis, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write KIND.json, KIND.csv and KIND.svg, each in one step; returns the paths by their endings.

    Raises:
        InputError: the folder cannot be made or written to.
        DependencyError: matplotlib is missing; the numbers are written all the same.
    """
    return write_all(
        folder,
        {
            f"{analysis.kind}.json": lambda: to_json(analysis),
            f"{analysis.kind}.csv": lambda: csv_text(columns(analysis), rows(analysis)).encode(),
            f"{analysis.kind}.svg": lambda: picture(analysis),
        },
    )
