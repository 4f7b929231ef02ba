"""Asking the C++ reader, and whether it says the same as Python's."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from eeinfer.bundle.labels import printable
from eeinfer.errors import EeinferError

# What a library says about JSON, and where in a graph something breaks, are its own words.
_OWN_WORDS = (
    (re.compile(r"( is truncated or not JSON): .*; copy the bundle again$", re.DOTALL), r"\1"),
    (re.compile(r"(, it is broken at byte) .*; copy", re.DOTALL), r"\1; copy"),
)


class Asked:
    """The program in one of its modes, running until it is closed."""

    def __init__(self, program: Path, mode: str) -> None:
        self._process = subprocess.Popen([program, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, line: str) -> str:
        """Return the answer to one line: ``ok`` and what was read, or the kind of error and its message."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(f"{line}\n")
        asked.flush()
        answer = answers.readline()
        assert answer.endswith("\n"), f"the reader died of {line!r}: {self._process.wait()}"
        return answer[:-1]

    def close(self) -> None:
        """End the program."""
        self._process.communicate()

    def __enter__(self) -> "Asked":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(program: Path, mode: str, lines: Sequence[str]) -> list[str]:
    """Return the answers to some lines."""
    with Asked(program, mode) as asked:
        return [asked(line) for line in lines]


def said(error: EeinferError) -> str:
    """Return what the C++ reader has to answer where Python raises ``error``."""
    return f"{type(error).__name__} {error}"


def alike(one: str, other: str) -> bool:
    """Whether two answers are the same, but for the words of libraries."""
    return _plain(one) == _plain(other)


def _plain(answer: str) -> str:
    answer = printable(answer)
    for pattern, kept in _OWN_WORDS:
        answer = pattern.sub(kept, answer)
    return answer
