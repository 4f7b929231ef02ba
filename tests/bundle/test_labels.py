"""Labels are shown and turned into file names, whatever is in them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.bundle.labels import as_file_name, printable

ANYTHING = st.text(st.characters(codec=None), max_size=300)


@given(ANYTHING)
def test_what_is_shown_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize("text", ["", "T-shirt/top", "café 猫 ✓", "a b"])
def test_plain_names_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_an_escape_sequence_can_be_read() -> None:
    assert printable("cat\x1b[31m\r\n\u202e") == "cat\\x1b[31m\\r\\n\\u202e"


@given(ANYTHING)
def test_a_label_becomes_the_name_of_a_file_in_this_folder(label: str) -> None:
    name = as_file_name(label)
    assert Path(name).name == name
    assert name not in ("", ".", "..")
    assert not name.startswith((".", "-"))
    assert len(f"{name}-bench".encode()) <= 255


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("fashion", "fashion"),
        ("digits_v2.1", "digits_v2.1"),
        ("../escaped", "escaped"),
        ("/etc/passwd", "etc-passwd"),
        ("a\0b", "a-b"),
        ("", "unnamed"),
        ("..", "unnamed"),
    ],
)
def test_names_that_labels_become(label: str, name: str) -> None:
    assert as_file_name(label) == name
