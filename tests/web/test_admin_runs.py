"""The log with its filters and its way back and forth, and what a run prints while it goes on."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from taskrunner.records import ClaimInfo
from taskrunner.web.admin import runs as pages
from tests.runner.runner_site import RunnerSite, adhoc, scheduled, site_at
from tests.store.store_rows import run_of
from tests.web.admin_site import AdminSite
from tests.web.asking import environment

PLUGINS = {"forum": [scheduled("Digest"), scheduled("Other"), adhoc("Mail")]}
KEPT = 120


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory, module_database_line: str) -> AdminSite:
    """A site with 120 kept runs, one a minute, every tenth failed; its tests only read."""
    root = tmp_path_factory.mktemp("kept")
    site = site_at(root, plugins=PLUGINS, database_line=module_database_line)
    with site.opened() as opened, opened.store.transaction():
        for number in range(KEPT):
            opened.store.log.add(kept_run(number, site.clock() - 60 * (KEPT - number)))
    return AdminSite(site)


def kept_run(number: int, started_at: float):
    return run_of(
        f"RUN{number:03}",
        name="forum.Digest" if number % 2 else "forum.Other",
        type="scheduled" if number % 2 else "adhoc",
        started_at=started_at,
        ended_at=started_at + number,
        outcome="ok" if number % 10 else "failed",
        message=None if number % 10 else "disk is full",
        output=f"line {number}\n",
        hostname="web1" if number % 3 else "web2",
        user="ada" if number == 7 else None,
    )


def shown(admin: AdminSite, **query: str) -> list[str]:
    page = admin.page("/log", **query)
    return [link["href"].removeprefix("/run/") for link in page.all("a") if link["href"].startswith("/run/")]


ASKED = {
    "task": ({"task": "forum.Digest", "least": "118"}, ["RUN119"]),
    "a part of a name": ({"task": "othe", "least": "116"}, ["RUN118", "RUN116"]),
    "type": ({"type": "adhoc", "least": "118"}, ["RUN118"]),
    "outcome": ({"outcome": "failed", "from": "11:40"}, ["RUN110", "RUN100"]),
    "any failure": ({"outcome": "failures", "from": "11:40"}, ["RUN110", "RUN100"]),
    "text": ({"text": "line 77"}, ["RUN077"]),
    "from and to": ({"from": "11:00", "to": "11:02"}, ["RUN061", "RUN060"]),
    "at most so long": ({"most": "1"}, ["RUN001", "RUN000"]),
    "host": ({"host": "web2", "least": "2m"}, []),
    "user": ({"user": "ada"}, ["RUN007"]),
}


@pytest.mark.parametrize("what", ASKED)
def test_runs_are_found_by_what_is_asked(admin: AdminSite, what: str) -> None:
    query, expected = ASKED[what]

    assert expected == shown(admin, **query)


def test_one_can_go_to_older_runs_and_all_the_way_back(admin: AdminSite) -> None:
    walked, address = [], "/log"
    for _ in range(3):
        page = admin.page(address)
        walked.append([one["href"] for one in page.all("a") if one["href"].startswith("/run/")])
        older = [one["href"] for one in page.all("a") if "before=" in one["href"] and one["href"] != address]
        address = older[-1] if older else ""
    back = admin.page("/log", before="RUN020", trail="RUN070")
    newer = next(one["href"] for one in back.all("a") if one["href"].endswith("before=RUN070"))

    assert [50, 50, 20] == [len(page) for page in walked]
    assert ["/run/RUN119", "/run/RUN069", "/run/RUN019"] == [page[0] for page in walked]
    assert "/run/RUN069" == next(one["href"] for one in admin.page(newer).all("a") if "/run/" in one["href"])


@pytest.mark.parametrize(("name", "text"), [("from", "soon"), ("most", "five"), ("to", "32:00")])
def test_what_cannot_be_read_comes_back_with_its_field(admin: AdminSite, name: str, text: str) -> None:
    page = admin.page("/log", status=422, **{name: text})

    assert [(text, "true")] == [(one["value"], one["aria-invalid"]) for one in page.all("input", name=name)]
    assert [] == page.faults and f"{text!r} cannot be read as" in page.text


def test_a_file_has_more_than_a_page_and_is_fetched_in_pieces(
    admin: AdminSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 50)

    assert KEPT == len(json.loads(admin.get("/log.json").body))
    assert 1 + KEPT == len(admin.get("/log.csv").text.splitlines())


def test_a_run_is_shown_in_full_with_its_output_to_download(admin: AdminSite) -> None:
    page, file = admin.page("/run/RUN010"), admin.get("/run/RUN010/output.txt")

    assert "forum.Other: failed" in page.text and "Message disk is full" in page.text
    assert "Host web1, pid" in page.text and "line 10" in page.text
    assert (b"line 10\n", "attachment; filename=\"RUN010.txt\"") == (
        file.body, file.headers["Content-Disposition"]
    )  # fmt: skip


@contextmanager
def under_way(site: RunnerSite, printed: str) -> Iterator[Callable[[str], None]]:
    """Let this process run a task; yields what appends to its log file."""
    file = site.root / "run.log"
    file.write_text(f"of another run\n... run id RUN1\n{printed}")
    with site.opened() as opened:
        lock = opened.locks.acquire("runner-R1")
        assert lock is not None
        now, host = site.clock(), opened.hostname
        runner = {"hostname": host, "pid": os.getpid(), "started_at": now, "command": "cron"}
        opened.store.runners.add("R1", **runner, log_file=str(file))
        opened.store.scheduled.claim_named("forum.Digest", ClaimInfo("R1", "RUN1", now, host, os.getpid()))

        def prints(text: str) -> None:
            with file.open("a") as appended:
                appended.write(text)

        yield prints
        lock.release()


def test_a_run_under_way_shows_the_end_of_what_it_has_printed(make_site: Callable[..., RunnerSite]) -> None:
    admin = AdminSite(make_site(plugins=PLUGINS))
    with under_way(admin.site, "course 17 \x1b[31m<b>\n"):
        page = admin.page("/running/RUN1")

    assert [] == page.faults
    assert "course 17 \\x1b[31m<b>" in page.text and "of another run" not in page.text


def test_live_output_grows_until_the_run_ends(make_site: Callable[..., RunnerSite]) -> None:
    admin = AdminSite(make_site(plugins=PLUGINS))
    with under_way(admin.site, "first\n") as prints:
        body = admin.app(environment("/running/RUN1/output.txt"), lambda *_: lambda _: None)
        pieces = iter(body)
        first = next(pieces)
        prints("second \x1b[31m\n")
        second = next(pieces)
        with admin.site.opened() as opened, opened.store.transaction():
            run = run_of("RUN1", name="forum.Digest", started_at=admin.site.clock(), outcome="ok")
            opened.store.scheduled.finish(run, next_run_at=admin.site.clock() + 60)
            opened.store.log.add(run)
        prints("third\nExecute scheduled task: Other (forum.Other)\n")
        rest = b"".join(pieces)
        body.close()

    assert (b"first\n", b"second \\x1b[31m\n") == (first, second)
    assert rest.startswith(b"third\n") and b"forum.Digest: ok, it took" in rest
    assert b"Execute scheduled" not in rest


def test_a_browser_that_leaves_lets_go_of_the_site(make_site: Callable[..., RunnerSite]) -> None:
    admin = AdminSite(make_site(plugins=PLUGINS))
    with under_way(admin.site, "first\n"):
        before = set(os.listdir("/proc/self/fd"))
        body = admin.app(environment("/running/RUN1/output.txt"), lambda *_: lambda _: None)
        next(iter(body))
        body.close()

        assert before == set(os.listdir("/proc/self/fd"))
