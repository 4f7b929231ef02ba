"""Names that others chose, such as those in a manifest: they do nothing to a terminal and are never paths."""

_LONGEST = 60  # characters of a file name made from a label: 240 bytes at most, and what is added must fit into 255
_KEPT = "._-"


def printable(text: str) -> str:
    """Return ``text`` with every character that a terminal would obey, or not show, written as its escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def as_file_name(label: str) -> str:
    """Return a plain file name that reminds of ``label``: no separators, not hidden, not empty, of bounded length."""
    plain = "".join(char if char.isalnum() or char in _KEPT else "-" for char in label)
    return plain.strip(_KEPT)[:_LONGEST] or "unnamed"
