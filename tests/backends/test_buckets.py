from hypothesis import given
from hypothesis import strategies as st

from eeinfer.backends.buckets import Buckets

sizes = st.lists(st.integers(1, 100), min_size=1, max_size=6, unique=True).map(tuple)


@given(sizes, st.integers(0, 1000))
def test_every_row_has_its_place_and_no_more_than_a_bucket_is_computed(sizes: tuple[int, ...], rows: int) -> None:
    buckets = Buckets(sizes)
    chunks = buckets.chunks(rows)
    assert sum(chunks) == rows
    assert all(0 < count <= buckets.bucket(count) <= buckets.largest for count in chunks)
    assert all(count == buckets.largest for count in chunks[:-1])
    assert buckets.padded(rows) == sum(buckets.bucket(count) for count in chunks)


@given(sizes, st.integers(1, 100))
def test_the_bucket_is_the_smallest_that_holds_the_rows(sizes: tuple[int, ...], rows: int) -> None:
    bucket = Buckets(sizes).bucket(rows)
    assert bucket in sizes
    assert not [size for size in sizes if rows <= size < bucket]
