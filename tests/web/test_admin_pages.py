"""Every page of the administration, on both databases: what it shows, and that its parts are whole."""

import csv
import io
import json
from dataclasses import replace

import pytest

from taskrunner.administration import runs, tasks
from taskrunner.administration.audit import Who
from taskrunner.web.admin import ROUTES
from tests.runner.runner_site import RunnerSite, adhoc, scheduled, site_at
from tests.web.admin_site import AdminSite, read

ADA = Who("ada", 1000)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&amp;"
PLUGINS = {
    "forum": [
        scheduled("Digest", "print('sent')", extra='"""Send <b>digests</b> & more."""'),
        scheduled("Broken", f"print({HOSTILE!r})\nraise ValueError({HOSTILE!r})"),
        scheduled("Quiet", schedule="0 3 * * *"),
        scheduled("Off", extra="disabled = True"),
        scheduled("Often", schedule="Every(hours=2)"),
        adhoc("Mail", "raise OSError('no network')"),
        adhoc("Copy"),
    ]
}


def used_site(site: RunnerSite) -> AdminSite:
    """Let tasks run and fail, queue others, and change some."""
    site.cron(after=60)
    for number in range(3):
        site.queue("forum.Mail", json.dumps({"secret": number}))
    site.queue("forum.Copy")
    site.cron(after=60)
    site.queue("forum.Copy")
    with site.opened() as opened:
        now = site.clock()
        tasks.schedule(opened, "forum.Quiet", "17 4 * * *", who=ADA, now=now)
        runs.pause(opened, ["forum.Often"], reason=HOSTILE, until=now + 7200, who=ADA, now=now)
    return AdminSite(site)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, module_database_line: str) -> AdminSite:
    """A site whose tests only read."""
    root = tmp_path_factory.mktemp("used")
    return used_site(site_at(root, plugins=PLUGINS, database_line=module_database_line))


def test_every_page_that_links_lead_to_is_there_and_whole(used: AdminSite) -> None:
    """Follows every link from the first page on; each page is read as a browser reads it."""
    waiting, seen = ["/"], {}
    while waiting:
        address = waiting.pop()
        answer = used.get(address)
        seen[address] = answer.status
        if answer.headers["Content-Type"].startswith("text/html"):
            page = read(answer)
            assert (address, []) == (address, page.faults)
            for link in page.links:
                if link not in seen and link not in waiting and "doctor" not in link:
                    waiting.append(link)

    paths = {address.partition("?")[0] for address in seen}
    assert {200} == set(seen.values())
    wanted = {"/", "/log", "/running", "/queue", "/plan", "/health", "/changes", "/task/forum.Broken",
              "/queue/forum.Mail", "/queue-change", "/tasks.csv", "/log.json", "/plan.csv", "/changes.json",
              "/queue/forum.Copy/tasks.csv"}  # fmt: skip
    assert set() == wanted - paths
    assert any(path.startswith("/run/") and path.endswith("/output.txt") for path in paths)


def test_nothing_that_tasks_and_people_write_becomes_markup(used: AdminSite) -> None:
    run = used.site.runs("forum.Broken")[-1]
    addresses = ["/", "/task/forum.Broken", "/log", f"/run/{run.run_id}", "/changes", f"/task/{HOSTILE}"]
    bodies = {address: used.get(address).text for address in addresses}

    assert [] == [address for address, body in bodies.items() if "<script" in body or "\x1b" in body]
    assert [] == [address for address, body in bodies.items() if "\u202e" in body]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\u202e&amp;amp;" in bodies["/changes"]


def test_what_needs_a_look_comes_first_and_states_can_be_chosen(used: AdminSite) -> None:
    first = used.page("/").all("th", scope="row")
    page = used.page("/", state="failing")

    assert "All 8 Failing 1 Paused 1 Ok 2 Disabled 4" in used.page("/").text
    assert first and "forum.Broken" in page.text and "forum.Digest" not in page.text
    names = [link["href"] for link in used.page("/").all("a") if link["href"].startswith("/task/")]
    assert "/task/forum.Broken" == names[0]


def test_marks_are_read_out_as_words(used: AdminSite) -> None:
    labels = [found["aria-label"] for found in used.page("/").all("span", role="img")]

    assert "last 2 runs: 2 ok; the newest ok" in labels
    assert any(label.startswith("last ") and "failed" in label for label in labels)


def test_tasks_are_found_by_name_title_and_plugin(used: AdminSite) -> None:
    found = {query: used.page("/", q=query).text for query in ("quiet", "digests", "nothing")}

    assert "forum.Quiet" in found["quiet"] and "forum.Digest" not in found["quiet"]
    assert "forum.Digest" in found["digests"]
    assert "no such task" in found["nothing"]
    assert "forum.Quiet" not in used.page("/", plugin="core").text


def test_a_task_tells_why_it_does_not_run_and_how_it_does(used: AdminSite) -> None:
    paused, quiet = used.page("/task/forum.Often").text, used.page("/task/forum.Quiet").text

    assert "forum.Often does not run now:" in paused
    assert "it is paused until" in paused and "Every gate (13)" not in quiet
    assert "Your own 17 4 * * *" in quiet
    assert "too few runs: 2 runs, 5 are needed to judge." in used.page("/task/forum.Digest").text
    assert "ada schedule" in quiet


def test_files_have_what_the_command_line_prints(used: AdminSite) -> None:
    rows = list(csv.DictReader(io.StringIO(used.get("/tasks.csv?state=failing").text)))
    kept = json.loads(used.get("/log.json?outcome=failures").body)

    assert ["forum.Broken"] == [row["name"] for row in rows]
    assert {"failed"} == {run["outcome"] for run in kept}
    assert [] == json.loads(used.get("/log.json?task=forum.Quiet").body)
    assert 'attachment; filename="tasks.csv"' == used.get("/tasks.csv").headers["Content-Disposition"]


def test_custom_data_is_shown_only_where_the_configuration_says_so(used: AdminSite) -> None:
    pages = ["/queue/forum.Mail", "/queue/forum.Mail/tasks.csv", "/queue/forum.Mail/tasks.json"]
    run = used.site.runs("forum.Mail")[-1].run_id

    hidden = [*pages, f"/run/{run}", f"/run/{run}/output.txt", "/log.json"]
    assert [] == [page for page in hidden if "secret" in used.get(page).text]
    shown = AdminSite(replace(used.site))
    text = (used.site.root / "taskrunner.toml").read_text()
    (used.site.root / "taskrunner.toml").write_text(f"{text}\n[web]\nshow_custom_data = true\n")
    try:
        assert pages == [page for page in pages if "secret" in shown.get(page).text]
    finally:
        (used.site.root / "taskrunner.toml").write_text(text)


def test_a_queued_task_that_goes_before_others_is_marked(used: AdminSite) -> None:
    with used.site.opened() as opened:
        opened.store.adhoc.prioritise(5, 7)

    tasks = json.loads(used.get("/queue/forum.Copy/tasks.json").body)
    assert {5: 7} == {task["id"]: task["priority"] for task in tasks}
    assert "priority 7" in used.page("/queue/forum.Copy").text


def test_a_line_on_every_page_says_what_is_paused_until_when_and_why(used: AdminSite) -> None:
    texts = [used.page(path).text for path in ("/", "/log", "/plan", "/queue")]

    assert ["forum.Often is paused until 14:02: <script>"] * 4 == [
        text[text.index("forum.Often is paused") :][:43] for text in texts
    ]


def test_who_may_only_look_is_offered_no_button(used: AdminSite) -> None:
    looking = AdminSite(used.site, may_change=False)

    for path in ("/", "/task/forum.Broken", "/queue", "/queue/forum.Mail", "/running", "/health"):
        assert (path, []) == (path, looking.page(path).all("form", method="post"))
    assert "ann, only looking" in looking.page("/").text
    assert 403 == looking.post("/task/forum.Quiet/disable").status


def test_what_is_not_there_is_said_with_what_is_near(used: AdminSite) -> None:
    assert "did you mean forum.Digest?" in used.page("/task/forum.Digset", status=404).text
    assert "no such run is kept" in used.page("/run/01NOPE", status=404).text
    assert "no such run is under way" in used.page("/running/01NOPE", status=404).text
    assert "no task of forum.Nope is queued" in used.page("/queue/forum.Nope", status=404).text
    assert 404 == used.get("/nope").status


def test_pages_know_where_they_are_mounted(used: AdminSite) -> None:
    from tests.web.asking import ask

    answer = ask(used.app, "/", SCRIPT_NAME="/admin/cron")
    links = list(read(answer).links)

    assert links and [] == [link for link in links if not link.startswith("/admin/cron/")]


def test_the_first_line_for_programs_is_that_of_the_checks(used: AdminSite) -> None:
    answer = used.get("/healthz")

    assert (503, "CRITICAL: cron: no cron has ever started\n") == (answer.status, answer.text)


def test_a_site_that_cannot_be_opened_is_told_in_a_line(used: AdminSite) -> None:
    file = used.site.root / "taskrunner.toml"
    text = file.read_text()
    file.write_text(f"colour = 3\n{text}")
    try:
        answer = used.get("/")
    finally:
        file.write_text(text)

    assert 503 == answer.status
    assert "unknown key 'colour'" in answer.text and "Traceback" not in answer.text


def test_every_route_has_a_page_of_its_own() -> None:
    assert len(ROUTES) == len({(route.method, route.path) for route in ROUTES})
