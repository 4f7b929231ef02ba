from pathlib import Path

import pytest
from photo_folders import flat_folder, listed, photo_folder

from eeinfer.errors import DataError
from eeinfer.labelled import Photos, class_numbers, held_out, parts_of, photos_in, photos_listed


def photos(*names: str, place: Path = Path("photos")) -> Photos:
    return Photos(place=place, paths=tuple(place / f"{k}.png" for k in range(len(names))), names=names)


def test_a_folder_is_read_by_class_or_flat(tmp_path: Path) -> None:
    found = photos_in(photo_folder(tmp_path / "classes", count=2))
    assert found.names == ("class 0", "class 0", "class 1", "class 1")
    assert photos_in(flat_folder(tmp_path / "flat")).names is None


def test_parts_are_a_training_and_a_test_folder(tmp_path: Path) -> None:
    assert parts_of(photo_folder(tmp_path / "photos")) is None
    for part in ("train", "val"):
        photo_folder(tmp_path / "divided" / part)
    assert parts_of(tmp_path / "divided") == (tmp_path / "divided" / "train", tmp_path / "divided" / "val")


@pytest.mark.parametrize("header", ["path,label", "\ufeffImage;Class", "file\tcategory\tnote"])
def test_a_list_names_its_columns_in_many_ways(tmp_path: Path, header: str) -> None:
    photo_folder(tmp_path / "photos", count=2)
    sign = "," if "," in header else ";" if ";" in header else "\t"
    rows = [f"photos/class {k}/1.png{sign}class {k}" + (f"{sign}x" if "note" in header else "") for k in (0, 1)]
    (tmp_path / "list.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    found = photos_listed(tmp_path / "list.csv")
    assert found.names == ("class 0", "class 1")
    assert found.paths[1] == tmp_path / "photos/class 1/1.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no image; its first line names the columns, path,label"),
        ("path,label\n", "lists no image"),
        ("where,label\na.png,cat\n", "has the columns where, label and none called path or image"),
        ("path,label\na.png,cat\n", r"line 2: no image .*a.png; paths are relative to the folder of the list"),
        ("path,label\nlist.csv\n", "line 2 has 1 cells, not 2"),
        ("path,label\nlist.csv,\n", "line 2 has no label"),
        ("path\nlist.csv\n\xff", "no text in UTF-8"),
    ],
)
def test_a_list_that_is_none_says_what_one_is(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        photos_listed(tmp_path / "list.csv")
    with pytest.raises(DataError, match="no file"):
        photos_listed(tmp_path / "other.csv")


def test_a_class_may_be_written_as_a_folder_can_be_called() -> None:
    classes = ("T-shirt/top", "Ankle boot")
    assert class_numbers(photos("Ankle_boot", "T-shirt-top"), classes, "it").tolist() == [1, 0]
    assert class_numbers(photos("1", "0"), classes, "it").tolist() == [1, 0]
    with pytest.raises(DataError, match=r"images of 'shoe', which it does not know; its classes are T-shirt"):
        class_numbers(photos("shoe"), classes, "it")
    with pytest.raises(DataError, match="images of 'a b', which it does not know"):
        class_numbers(photos("a b"), ("a-b", "a_b"), "it")


def test_about_a_fifth_of_every_class_is_held_out_and_new_images_move_none(tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos", ("a", "b", "c"), count=40)
    found = photos_in(folder)
    before = {found.paths[row] for row in held_out(found)}
    assert 12 <= len(before) <= 36
    assert {path.parent.name for path in before} == {"a", "b", "c"}
    for k in range(40, 60):
        (folder / "a" / f"{k}.png").write_bytes((folder / "a" / "0.png").read_bytes())
    later = photos_in(folder)
    assert before <= {later.paths[row] for row in held_out(later)}
    assert held_out(photos_listed(listed(tmp_path / "list.csv", folder)))


def test_every_class_keeps_images_on_both_sides(tmp_path: Path) -> None:
    found = photos_in(photo_folder(tmp_path / "photos", [f"c{k}" for k in range(30)], count=2))
    names = [found.names[row] for row in held_out(found)]  # type: ignore[index]  # class folders have names
    assert sorted(names) == sorted(set(found.names or ()))
    assert held_out(photos("alone")) == []
