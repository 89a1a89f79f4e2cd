"""What administrators did, as it is kept."""

from taskrunner.records import AuditRow
from taskrunner.store import Store


def row(done_at: float, target: str = "forum.Digest") -> AuditRow:
    return AuditRow(
        done_at, "ada", 1000, "here", "disable", target, '{"disabled": false}', '{"disabled": true}'
    )


def test_what_was_done_is_listed_the_latest_first(store: Store) -> None:
    for done_at, target in ((10.0, "a"), (30.0, "b"), (20.0, "c"), (30.0, "d")):
        store.audit.add(row(done_at, target))

    assert ["d", "b", "c", "a"] == [entry.target for entry in store.audit.list(since=0, limit=9)]
    assert ["d", "b"] == [entry.target for entry in store.audit.list(since=0, limit=2)]
    assert ["d", "b", "c"] == [entry.target for entry in store.audit.list(since=20.0, limit=9)]


def test_a_row_comes_back_as_it_was_kept(store: Store) -> None:
    store.audit.add(row(10.5))

    assert [row(10.5)] == store.audit.list(since=0, limit=9)
