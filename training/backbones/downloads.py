"""Pretrained weights come over the network: what to say when they do not."""

import contextlib
from collections.abc import Iterator

from eeinfer.errors import DataError, first_line


@contextlib.contextmanager
def fetching(name: str, pretrained: bool) -> Iterator[None]:
    """Turn what a download raises into a sentence; without `pretrained` everything passes through."""
    try:
        yield
    except Exception as error:  # the libraries raise urllib's, requests', httpx's or their hubs' own kinds
        if not pretrained or isinstance(error, (TypeError, AssertionError)) or type(error) is ValueError:
            raise  # an option that does not fit, not a download
        raise DataError(
            f"the pretrained weights of {name} could not be fetched ({first_line(error)}): run it once where the "
            "network is reachable and copy the library's cache folder, or set pretrained to False"
        ) from error
