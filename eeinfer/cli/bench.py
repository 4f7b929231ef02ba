"""``eeinfer bench``."""

from eeinfer.cli.app import Debug, command


@command(example="eeinfer bench")
def bench(debug: Debug = False) -> None:
    """To be written."""
