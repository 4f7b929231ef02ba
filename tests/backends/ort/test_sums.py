"""Files that are no longer what was written are found, whatever became of them or of their sums."""

from pathlib import Path

import pytest

from eeinfer.backends.ort.sums import SUMS_NAME, check_sums, write_sums
from eeinfer.errors import BundleError

NAMES = ("large.bin", "small.txt", "empty")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 4096)  # more than one piece
    (tmp_path / "small.txt").write_bytes(b"x")
    (tmp_path / "empty").write_bytes(b"")
    write_sums(tmp_path)
    return tmp_path


def test_what_was_written_is_sound(folder: Path) -> None:
    check_sums(folder, NAMES)
    write_sums(folder)  # its own file is not among them
    check_sums(folder, NAMES)


@pytest.mark.parametrize("position", [0, (1 << 19) - 1, 1 << 19, (1 << 20) - 1])
def test_one_bit_is_found_wherever_it_is(folder: Path, position: int) -> None:
    data = bytearray((folder / "large.bin").read_bytes())
    data[position] ^= 1
    (folder / "large.bin").write_bytes(data)
    with pytest.raises(BundleError, match=r"large\.bin is not what was written there"):
        check_sums(folder, NAMES)


@pytest.mark.parametrize("content", [b"", b"xx", b"y"])
def test_a_file_of_another_size_is_found(folder: Path, content: bytes) -> None:
    (folder / "small.txt").write_bytes(content)
    with pytest.raises(BundleError, match=r"small\.txt"):
        check_sums(folder, NAMES)


def test_a_file_without_a_sum_is_not_vouched_for(folder: Path) -> None:
    (folder / "new").write_bytes(b"")
    with pytest.raises(BundleError, match="new is not what was written"):
        check_sums(folder, (*NAMES, "new"))


@pytest.mark.parametrize("name", ["small.txt", SUMS_NAME])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        check_sums(folder, NAMES)


def test_damaged_sums_vouch_for_nothing_whichever_byte_it_is(folder: Path) -> None:
    sound = (folder / SUMS_NAME).read_bytes()
    for position in range(len(sound)):
        for value in (0x00, 0xFF, sound[position] ^ 1):
            (folder / SUMS_NAME).write_bytes(sound[:position] + bytes([value]) + sound[position + 1 :])
            with pytest.raises(BundleError):
                check_sums(folder, NAMES)
