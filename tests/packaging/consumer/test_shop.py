"""Their tests, with the fixtures of taskrunner's pytest plugin."""

from __future__ import annotations

from collections.abc import Callable

from taskrunner.testing import Done, FrozenClock, Queued


def test_offers_are_queued(
    run_task: Callable[..., Done],
    queued_tasks: Callable[..., list[Queued]],
    frozen_clock: FrozenClock,
) -> None:
    done = run_task("shop.SendOffers", settings={"sender": "shop@example.org", "at_once": 2})

    assert done.ok, done.message
    assert ["ann"] == [task.custom_data["to"] for task in queued_tasks("shop.SendOffer")]
    assert queued_tasks()[0].next_run_at <= frozen_clock()
