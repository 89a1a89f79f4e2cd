"""Values remembered by name."""

import pytest

from taskrunner.records import Suspension
from taskrunner.store import Store
from taskrunner.store.settings import EVERYTHING, INSTANCE_ID, MUTED, PAUSED, PROBLEMS, of_host, suspensions
from tests.store.store_rows import NOW


def own(store: Store) -> dict[str, str]:
    """Return what is remembered besides the id that a database is born with."""
    return {name: value for name, value in store.settings.list().items() if name != INSTANCE_ID}


def test_a_value_is_remembered_until_it_is_deleted(store: Store, other_store: Store) -> None:
    store.settings.set("colour", "blue")
    seen_elsewhere = own(other_store)
    store.settings.delete("colour")

    assert {"colour": "blue"} == seen_elsewhere
    assert {} == own(store)


def test_the_last_value_counts(store: Store) -> None:
    store.settings.set("colour", "blue")
    store.settings.set("size", "")
    store.settings.set("colour", "red")

    assert {"colour": "red", "size": ""} == own(store)


def test_deleting_what_is_not_there_does_nothing(store: Store) -> None:
    store.settings.delete("colour")

    assert {} == own(store)


def test_every_installation_has_an_id_of_its_own(store: Store) -> None:
    assert 32 == len(store.settings.list()[INSTANCE_ID])


@pytest.mark.parametrize("reason", ["upgrade of the site", ""])
def test_a_pause_is_told_with_its_beginning_and_its_reason(
    store: Store, other_store: Store, reason: str
) -> None:
    store.settings.suspend(PAUSED, Suspension(EVERYTHING, NOW, reason, None, "ann"))

    assert Suspension(EVERYTHING, NOW, reason, None, "ann") == other_store.settings.pause(NOW)


def test_a_pause_ends_when_it_is_forgotten(store: Store) -> None:
    store.settings.suspend(PAUSED, Suspension(EVERYTHING, NOW, "", None, ""))
    store.settings.delete(PAUSED)

    assert store.settings.pause(NOW) is None


def test_without_a_pause_there_is_nothing_to_tell(store: Store) -> None:
    assert store.settings.pause(NOW) is None


@pytest.mark.parametrize(
    ("noted", "is_first"),
    [
        (None, True),
        (NOW - 60, True),
        (NOW - 55, True),
        (NOW - 54, False),
        (NOW + 30, False),
        (NOW + 90, True),
    ],
)
def test_a_turn_is_taken_once_in_a_while_and_a_moment_far_ahead_is_of_a_wrong_clock(
    store: Store, other_store: Store, noted: float | None, is_first: bool
) -> None:
    if noted is not None:
        other_store.settings.set("turn", repr(noted))
    taken = store.settings.take_turn("turn", NOW, after=NOW - 55)

    assert is_first == taken
    assert repr(NOW if is_first else noted) == own(store)["turn"]


def test_of_two_that_want_a_turn_one_gets_it(store: Store, other_store: Store) -> None:
    turns = [found.settings.take_turn("turn", NOW, after=NOW - 55) for found in (store, other_store)]

    assert [True, False] == turns


def test_what_is_paused_or_muted_is_told_until_it_ends(store: Store) -> None:
    lasting = Suspension("forum.*", NOW, "why", None, "ann")
    ending = Suspension("shop.Bill", NOW, "", NOW + 60, "")
    for one in (lasting, ending):
        store.settings.suspend(PAUSED, one)
    store.settings.suspend(MUTED, ending)

    assert [lasting, ending] == suspensions(store.settings.list(), PAUSED, NOW + 59)
    assert [lasting] == suspensions(store.settings.list(), PAUSED, NOW + 60)
    assert [ending] == suspensions(store.settings.list(), MUTED, NOW)
    assert store.settings.pause(NOW) is None
    store.settings.lift(PAUSED, "forum.*")
    assert [ending] == suspensions(store.settings.list(), PAUSED, NOW)


def test_what_many_hosts_had_for_themselves_is_forgotten_in_one_go(store: Store) -> None:
    kinds = ("declared", "tasks", PROBLEMS, "older", "cron_failure", "broken_plugins")
    for kind in kinds:
        for host in ("gone-1", "gone-2", "here"):
            store.settings.set(of_host(kind, host), "x")
    for name in ("site:gone-1:0a1b", "site:here:0a1b", "stop_requested_at"):
        store.settings.set(name, "x")

    store.settings.forget_hosts({"gone-1", "gone-2"})

    kept = {of_host(kind, "here") for kind in kinds} | {"site:here:0a1b", "stop_requested_at"}
    assert kept == set(own(store))
