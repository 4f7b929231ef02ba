"""``eeinfer demo``."""

from eeinfer.cli.app import Debug, command


@command(example="eeinfer demo")
def demo(debug: Debug = False) -> None:
    """To be written."""
