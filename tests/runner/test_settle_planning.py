"""What plugin, administrator and config make of a task's schedule, over the life of a site."""

from pathlib import Path

import pytest

from taskrunner.administration import tasks
from taskrunner.administration.audit import Who
from taskrunner.errors import ConfigError
from taskrunner.installation import plan_anew_after_clock_step
from tests.runner.runner_site import adhoc, scheduled

WITNESS = "witness(self.name)"


def customise(site, name, **own):
    """Write the administrator's wish as `taskrun schedule` and `taskrun disable` do."""
    with site.opened() as opened:
        row = opened.store.scheduled.find(name)
        fields = opened.planner.declared(opened.registry.get(name), row, site.clock(), **own)
        opened.store.scheduled.declare(fields._asdict())


@pytest.mark.parametrize("text", ["R R * * *", "H H(2-4) * * *", "H/7 * * * *"])
def test_a_spread_schedule_is_drawn_once_and_stored_as_plain_fields(make_site, text):
    site = make_site(plugins={"forum": scheduled("Digest", schedule=text)})
    drawn = site.row("forum.Digest").schedule

    site.write("forum", scheduled("Digest", schedule=text), scheduled("Other"))

    assert site.row("forum.Digest").schedule == drawn
    assert "R" not in drawn and "H" not in drawn
    assert site.row("forum.Digest").default_schedule == text


def test_a_default_changed_in_the_code_is_followed(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="5 * * * *")})
    site.write("forum", scheduled("Digest", schedule="7 * * * *"))

    row = site.row("forum.Digest")

    assert (row.schedule, row.default_schedule, row.customised) == ("7 * * * *", "7 * * * *", 0)
    assert site.waits("forum.Digest") == 390


def test_a_customised_schedule_survives_a_changed_default(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="5 * * * *")})
    customise(site, "forum.Digest", own_schedule="9 * * * *")
    site.write("forum", scheduled("Digest", schedule="7 * * * *"))

    row = site.row("forum.Digest")

    assert (row.schedule, row.default_schedule, row.customised) == ("9 * * * *", "7 * * * *", 1)
    assert site.waits("forum.Digest") == 510


def test_a_disabled_task_stays_disabled_when_its_plugin_changes(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS)})
    customise(site, "forum.Digest", own_disabled=1)
    site.write("forum", scheduled("Digest", WITNESS + "  # changed"))

    site.cron(after=60)

    assert site.row("forum.Digest").disabled == 1
    assert site.witnessed() == []


def test_a_task_enabled_again_does_not_make_up_what_it_missed_while_disabled(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS, schedule="0 * * * *")})
    customise(site, "forum.Digest", own_disabled=1)
    site.clock.now += 86_400
    customise(site, "forum.Digest", own_disabled=None)

    site.cron()

    assert site.witnessed() == []
    assert site.waits("forum.Digest") == 3570


def test_a_task_declared_as_disabled_is_not_run_until_it_is_enabled(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS, extra="disabled = True")})
    site.cron(after=60)
    customise(site, "forum.Digest", own_disabled=0)

    site.cron(after=60)

    assert site.witnessed() == ["forum.Digest"]


def test_the_config_overrides_plugin_and_administrator(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="5 * * * *")})
    customise(site, "forum.Digest", own_schedule="9 * * * *")
    site.configure('[tasks."forum.*"]\nschedule = "11 * * * *"')

    assert site.row("forum.Digest").schedule == "11 * * * *"
    assert site.waits("forum.Digest") == 630


def test_without_its_override_a_task_is_as_the_administrator_wanted(make_site):
    override = '[tasks."forum.*"]\nschedule = "11 * * * *"'
    site = make_site(plugins={"forum": scheduled("Digest", schedule="5 * * * *")}, config=override)
    customise(site, "forum.Digest", own_schedule="9 * * * *")

    site.configure("")

    assert site.row("forum.Digest").schedule == "9 * * * *"


def test_the_most_specific_override_wins(make_site):
    config = """
[tasks."*"]
schedule = "1 * * * *"
[tasks."forum.Digest"]
schedule = "2 * * * *"
[tasks."forum.*"]
schedule = "3 * * * *"
"""
    site = make_site(plugins={"forum": (scheduled("Digest"), scheduled("Other"))}, config=config)

    assert site.row("forum.Digest").schedule == "2 * * * *"
    assert site.row("forum.Other").schedule == "3 * * * *"


def test_a_wrong_schedule_in_the_config_names_its_line(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure('[tasks."forum.Digest"]\nschedule = "61 * * * *"')

    with pytest.raises(ConfigError, match=r"taskrunner.toml line 3 \(\[tasks.\"forum.Digest\"\]\).*61"):
        site.row("forum.Digest")


def test_a_class_that_vanished_is_missing_and_is_not_run(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest", WITNESS), scheduled("Other", WITNESS))})
    site.write("forum", scheduled("Other", WITNESS))

    site.cron(after=60)

    assert site.row("forum.Digest").blocked == "missing: its plugin does not declare it any more"
    assert site.witnessed() == ["forum.Other"]


def test_a_class_that_vanished_comes_back_with_its_file_and_its_history(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS), "shop": scheduled("Bill")})
    site.cron(after=60)
    customise(site, "forum.Digest", own_schedule="*/2 * * * *")
    ran_at = site.row("forum.Digest").last_run_at
    (site.root / "plugins" / "forum.py").rename(site.root / "forum.py")
    site.cron(after=60)
    missing = site.row("forum.Digest").blocked
    (site.root / "forum.py").rename(site.root / "plugins" / "forum.py")

    row = site.row("forum.Digest")

    assert missing == "missing: there is no plugin forum any more"
    assert (row.blocked, row.schedule, row.last_run_at) == (None, "*/2 * * * *", ran_at)
    assert site.cron(after=120).scheduled == 2


def test_a_plugin_that_cannot_be_imported_makes_its_tasks_missing_and_harms_no_other(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", WITNESS), "shop": scheduled("Bill", WITNESS)})
    path = site.root / "plugins" / "forum.py"
    path.write_text("class Digest(:\n")

    site.cron(after=60)

    assert (site.row("forum.Digest").blocked or "").startswith(f"missing: {path}:1: SyntaxError")
    assert site.witnessed() == ["shop.Bill"]


def test_a_class_with_a_wrong_schedule_is_missing_and_its_neighbours_run(make_site):
    site = make_site(plugins={"forum": (scheduled("Digest", WITNESS), scheduled("Other", WITNESS))})
    site.write("forum", scheduled("Digest", WITNESS, schedule="61 * * * *"), scheduled("Other", WITNESS))

    site.cron(after=60)

    blocked = site.row("forum.Digest").blocked or ""
    assert blocked.startswith("missing: ") and "61" in blocked
    assert site.witnessed() == ["forum.Other"]


def test_the_tasks_of_a_disabled_plugin_are_not_run_unless_they_say_so(make_site):
    always = scheduled("Always", WITNESS, extra="run_if_plugin_disabled = True")
    always_adhoc = adhoc("AlwaysMail", WITNESS, extra="run_if_plugin_disabled = True")
    site = make_site(
        plugins={"forum": (scheduled("Digest", WITNESS), always, adhoc("Mail", WITNESS), always_adhoc)},
        config="[plugins.forum]\nenabled = false",
    )
    site.queue("forum.Mail")
    site.queue("forum.AlwaysMail")

    site.cron(after=60)

    assert site.witnessed() == ["forum.Always", "forum.AlwaysMail"]
    assert site.row("forum.Digest").blocked == "plugin disabled"
    assert [row.attempts_left for row in site.adhoc()] == [12]


def off_in_the_config(site):
    site.configure('[tasks."forum.Digest"]\ndisabled = true')
    return lambda: site.configure("")


def plugin_disabled(site):
    site.configure("[plugins.forum]\nenabled = false")
    return lambda: site.configure("")


def disabled_by_hand(site):
    who = Who("ada", 1000)
    with site.opened() as opened:
        tasks.disable(opened, "forum.Digest", who=who, now=site.clock())

    def enable():
        with site.opened() as opened:
            tasks.enable(opened, "forum.Digest", who=who, now=site.clock())

    return enable


def plugin_missing(site):
    file = site.root / "plugins" / "forum.py"
    file.rename(file.with_suffix(".away"))
    return lambda: file.with_suffix(".away").rename(file)


def class_missing(site):
    file = site.root / "plugins" / "forum.py"
    text = file.read_text()
    site.write("forum", scheduled("Other"))
    return lambda: file.write_text(text)


@pytest.mark.parametrize("schedule", ["0 3 * * *", "Every(days=1)"])
@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize(
    "switch_off", [off_in_the_config, plugin_disabled, disabled_by_hand, plugin_missing, class_missing]
)
def test_a_task_that_is_on_again_waits_for_its_next_slot(make_site, switch_off, schedule, failing):
    body = "witness('ran')\nraise ValueError('no')" if failing else WITNESS
    site = make_site(plugins={"forum": scheduled("Digest", body, schedule=schedule)})
    site.cron(after=2 * 86_400)
    ran = site.witnessed()
    switch_on = switch_off(site)
    site.cron(after=21 * 86_400)

    switch_on()
    site.cron(after=60)

    assert len(ran) == 1
    assert site.witnessed() == ran
    assert 0 < site.row("forum.Digest").next_run_at - site.clock() <= 86_400


def test_a_changed_schedule_does_not_cut_short_the_delay_of_a_failing_task(make_site):
    failing = "raise ValueError('no')"
    site = make_site(plugins={"forum": scheduled("Digest", failing)})
    site.cron(after=60)
    site.cron(after=60)

    site.write("forum", scheduled("Digest", failing, schedule="*/2 * * * *"))

    assert site.waits("forum.Digest") == 120


def test_a_schedule_in_a_zone_of_its_own_is_planned_in_it(make_site):
    noon = scheduled("Noon", schedule="0 12 * * *", extra='timezone = "America/New_York"')
    site = make_site(plugins={"forum": noon})

    assert site.waits("forum.Noon") == 5 * 3600 - 30


def test_a_minute_without_work_writes_nothing_to_the_database(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.cron()
    before = what_every_write_changes(site)

    site.cron()

    assert what_every_write_changes(site) == before


def what_every_write_changes(site):
    """Return the file, or the number that the next transaction gets that writes."""
    path = Path(site.url.removeprefix("sqlite:"))
    return (
        path.read_bytes()
        if path.exists()
        else site.elsewhere("select pg_snapshot_xmax(pg_current_snapshot())")
    )


@pytest.mark.parametrize(
    ("schedule", "latest"),
    [("0 3 * * *", 86_400), ("Every(hours=6)", 6 * 3600), ("Every(days=2)", 2 * 86_400)],
)
def test_a_clock_that_was_set_back_leaves_no_task_waiting_for_the_time_it_had_shown(
    make_site, schedule, latest
):
    site = make_site(plugins={"forum": scheduled("Digest", schedule=schedule)})
    site.cron(after=86_400)
    site.clock.now -= 365 * 86_400

    with site.opened() as opened:
        plan_anew_after_clock_step(opened, site.clock.now)

    assert 0 < site.row("forum.Digest").next_run_at - site.clock.now <= latest


@pytest.mark.parametrize(
    ("schedule", "back", "repeats"),
    [
        ("30 12 * * *", 2 * 3600, 0),
        ("30 12 * * *", 20 * 60, 0),
        ("30 12 * * *", 4 * 3600, 1),
        ("30 * * * *", 2 * 3600, 2),
        ("Every(hours=1)", 2 * 3600, 1),
    ],
)
def test_a_slot_of_a_day_is_not_repeated_by_a_small_step_back(make_site, schedule, back, repeats):
    site = make_site(plugins={"forum": scheduled("Digest", schedule=schedule)})  # at 12:00:30
    site.cron(after=35 * 60)
    before = len(site.runs())
    site.clock.now -= back

    with site.opened() as opened:
        for _ in range(int(back // 60)):
            plan_anew_after_clock_step(opened, site.clock.now)
            if opened.store.scheduled.is_due(site.clock.now):
                site.cron()
            site.clock.now += 60

    assert repeats == len(site.runs()) - before


def test_a_clock_step_moves_no_task_that_was_planned_rightly(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", schedule="Every(hours=6)")})
    site.cron(after=60)
    before = site.row("forum.Digest")

    with site.opened() as opened:
        plan_anew_after_clock_step(opened, site.clock.now)

    assert before == site.row("forum.Digest")
