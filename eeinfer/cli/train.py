"""``eeinfer train``."""

from eeinfer.cli.app import Debug, command


@command(example="eeinfer train")
def train(debug: Debug = False) -> None:
    """To be written."""
