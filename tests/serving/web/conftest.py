"""One server for all tests of the protocol, with every small bundle."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers


@pytest.fixture(scope="session")
def server(tiny_bundle: Path, words_bundle: Path, scripted_bundle: Path) -> Iterator[servers.Server]:
    with servers.serving(tiny_bundle, words_bundle, scripted_bundle, "--max-batch", "8", "--max-body-mb", "1") as found:
        yield found
