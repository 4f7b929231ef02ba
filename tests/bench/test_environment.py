import os
import platform
import socket

import msgspec

from eeinfer.bench.environment import environment


def test_versions_and_machine_are_named() -> None:
    found = environment("cpu", 2, 0.5)
    assert found.versions.keys() >= {"eeinfer", "onnxruntime", "numpy"}
    assert found.cpu
    assert found.cores >= 1
    assert found.python == platform.python_version()


def test_neither_host_nor_user_is_named() -> None:
    text = msgspec.json.encode(environment("cpu", None, None)).decode()
    assert socket.gethostname() not in text
    assert os.path.expanduser("~") not in text  # noqa: PTH111  # a plain string is what is looked for
