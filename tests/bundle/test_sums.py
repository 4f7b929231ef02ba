"""Files that are no longer what was written are found, whatever became of them."""

from pathlib import Path

import pytest

from eeinfer.bundle.sums import check_sums, sums
from eeinfer.errors import BundleError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 4096)  # more than one piece
    (tmp_path / "small.txt").write_bytes(b"x")
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_what_was_written_is_sound(folder: Path) -> None:
    found = sums(folder)
    assert sorted(found) == ["empty", "large.bin", "small.txt"]
    assert found["empty"] == 0
    assert found["small.txt"] == 0x8CDC1683  # the CRC-32 of "x", as every other program computes it
    check_sums(folder, found)


@pytest.mark.parametrize("position", [0, (1 << 19) - 1, 1 << 19, (1 << 20) - 1])
def test_one_bit_is_found_wherever_it_is(folder: Path, position: int) -> None:
    found = sums(folder)
    data = bytearray((folder / "large.bin").read_bytes())
    data[position] ^= 1
    (folder / "large.bin").write_bytes(data)
    with pytest.raises(BundleError, match=r"large\.bin is not what was written there"):
        check_sums(folder, found)


@pytest.mark.parametrize("content", [b"", b"xx", b"y"])
def test_a_file_of_another_size_is_found(folder: Path, content: bytes) -> None:
    found = sums(folder)
    (folder / "small.txt").write_bytes(content)
    with pytest.raises(BundleError, match=r"small\.txt"):
        check_sums(folder, found)


def test_a_missing_file_is_named(folder: Path) -> None:
    found = sums(folder)
    (folder / "small.txt").unlink()
    with pytest.raises(BundleError, match=r"small\.txt"):
        check_sums(folder, found)
