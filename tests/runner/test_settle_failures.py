"""What becomes of a task that fails, and of the runner."""

import pytest

from tests.runner.runner_site import adhoc, scheduled

FAILING = "raise ValueError('disk is full')"


def test_the_delay_doubles_with_each_failure_up_to_a_day(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", FAILING)})

    site.cron(after=60)
    delays = [site.waits("forum.Broken")]
    for _ in range(12):
        site.cron(after=delays[-1])
        delays.append(site.waits("forum.Broken"))

    assert delays == [60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400, 86400]


def test_a_failing_task_is_not_tried_before_its_delay_is_over(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", FAILING)})
    site.cron(after=60)

    early = site.cron(after=59)
    late = site.cron(after=1)

    assert (early.scheduled, late.scheduled) == (0, 1)


def test_a_failing_task_tells_since_when_how_often_and_why(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", FAILING)})
    failed_first_at = site.clock.now + 60
    site.cron(after=60)

    site.cron(after=60)

    row = site.row("forum.Broken")
    assert (row.failing_since, row.failures, row.fail_delay) == (failed_first_at, 2, 120)
    assert (row.last_outcome, row.last_message) == ("failed", "ValueError: disk is full")


def test_success_clears_the_delay_and_goes_back_to_the_schedule(make_site):
    site = make_site(plugins={"forum": scheduled("Moody", "if self.attempt < 3: raise ValueError('no')")})
    site.cron(after=60)
    site.cron(after=60)

    site.cron(after=120)

    row = site.row("forum.Moody")
    assert (row.failing_since, row.failures, row.fail_delay, row.last_message) == (None, 0, 0, None)
    assert site.waits("forum.Moody") == 30
    assert site.outcomes() == ["failed", "failed", "ok"]


def test_the_traceback_is_in_the_log_without_the_frames_of_the_runner(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", FAILING)})

    site.cron(after=60)

    assert "Scheduled task failed: Broken (forum.Broken),disk is full\nBacktrace:\n" in site.log()
    assert "ValueError: disk is full\n" in site.log()
    assert "taskrunner/runner/" not in site.log()


def test_the_kept_run_says_why_it_failed(make_site):
    site = make_site(plugins={"forum": scheduled("Broken", "print('so far')\n" + FAILING)})

    site.cron(after=60)

    [run] = site.runs()
    assert (run.outcome, run.message, run.attempt) == ("failed", "ValueError: disk is full", 1)
    assert run.output.startswith("so far\nTraceback (most recent call last):\n")
    assert run.output.endswith("ValueError: disk is full\n")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise BaseException('out')", "BaseException: out"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("sys.exit(3)", "the task called sys.exit(3)"),
        ("sys.exit()", "the task called sys.exit(None)"),
        ("self.execute()", "RecursionError: maximum recursion depth exceeded"),
        ("raise ValueError('a\\0b')", "ValueError: a\ufffdb"),
    ],
)
def test_whatever_a_task_raises_is_its_failure_and_the_next_task_runs(make_site, body, message):
    site = make_site(plugins={"forum": (scheduled("Bad", body), scheduled("Canary", "witness('alive')"))})

    site.cron(after=60)

    [run] = site.runs("forum.Bad")
    assert (run.outcome, (run.message or "")[: len(message)]) == ("failed", message)
    assert site.witnessed() == ["alive"]


def test_a_message_with_a_file_name_that_is_no_text_is_kept(make_site):
    bad = scheduled("Bad", "raise ValueError(os.fsdecode(b'gone-\\xff'))")
    site = make_site(plugins={"forum": (bad, scheduled("Canary", "witness('alive')"))})

    site.cron(after=60)

    assert site.outcomes("forum.Bad") == ["failed"]
    assert "gone-" in (site.runs("forum.Bad")[0].message or "")
    assert site.witnessed() == ["alive"]


@pytest.mark.parametrize("raised", ["ValueError", "SystemExit", "GeneratorExit"])
def test_an_exception_that_cannot_say_its_message_is_named(make_site, raised):
    body = f"class Mute(Exception):\n    def __str__(self): raise {raised}\nraise Mute"
    site = make_site(plugins={"forum": (scheduled("Bad", body), scheduled("Canary", "witness('alive')"))})

    site.cron(after=60)

    [run] = site.runs("forum.Bad")
    assert (run.outcome, run.message) == ("failed", f"Mute (its message cannot be shown: {raised})")
    assert site.witnessed() == ["alive"]


@pytest.mark.parametrize("question", ["is_runnable", "should_run", "__init__"])
@pytest.mark.parametrize("raised", ["ValueError('no')", "SystemExit(1)", "BaseException('no')"])
def test_a_task_that_cannot_even_be_asked_fails_and_the_next_task_runs(make_site, question, raised):
    extra = f"def {question}(self):\n    raise {raised}"
    site = make_site(
        plugins={"forum": (scheduled("Bad", extra=extra), scheduled("Canary", "witness('alive')"))}
    )

    site.cron(after=60)

    assert site.outcomes("forum.Bad") == ["failed"]
    assert site.witnessed() == ["alive"]


@pytest.mark.parametrize(
    "vandalism",
    [
        "os.close(1); os.close(2)",
        "sys.stdout.close()",
        "sys.stdout = sys.stderr = None",
        "sys.stdout = object()",
        "class Full:\n    closed = False\n    def flush(self): raise OSError('full')\nsys.stdout = Full()",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL)",
        "del sys.stdout",
    ],
)
def test_what_a_task_does_to_its_streams_does_not_harm_the_next_task(make_site, vandalism, capfd):
    site = make_site(plugins={"forum": (scheduled("Bad", vandalism), scheduled("Canary", "print('alive')"))})

    summary = site.cron(after=60, shown="all")

    assert summary.scheduled == 2
    assert site.runs("forum.Canary")[0].output == "alive\n"


def test_an_adhoc_task_that_succeeds_is_gone(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    site.queue("forum.Mail")

    site.cron()

    assert site.adhoc() == []


def test_an_adhoc_task_that_fails_is_tried_again_after_its_delay(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", FAILING)})
    site.queue("forum.Mail")

    site.cron()
    too_early = site.cron(after=59)

    [row] = site.adhoc()
    assert (row.fail_delay, row.failures, row.attempts_left) == (60, 1, 11)
    assert too_early.adhoc == 0
    assert site.cron(after=1).adhoc == 1


def test_an_adhoc_task_without_attempts_stays_and_is_not_run_any_more(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", FAILING)})
    site.queue("forum.Mail", attempts=2)
    site.cron()
    site.cron(after=60)

    later = site.cron(after=7 * 86_400)

    assert later.adhoc == 0
    assert [(row.attempts_left, row.last_message) for row in site.adhoc()] == [
        (0, "ValueError: disk is full")
    ]


def test_an_adhoc_task_of_an_unknown_class_waits_for_its_plugin_at_no_cost(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness(self.name)")})
    site.queue("shop.Bill")
    site.queue("forum.Mail")

    site.cron()
    site.write("shop", adhoc("Bill", "witness(self.name)"))
    site.cron()

    assert site.witnessed() == ["forum.Mail", "shop.Bill"]
    assert [run.attempt for run in site.runs("shop.Bill")] == [1]


def test_custom_data_that_is_no_json_keeps_only_its_own_task_from_running(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness(self.custom_data)")})
    site.queue("forum.Mail", "{")
    site.queue("forum.Mail", '"fine"')

    site.cron()

    assert site.witnessed() == ["fine"]
    assert [row.custom_data for row in site.adhoc()] == ["{"]
    assert "not JSON" in (site.adhoc()[0].last_message or "")


def test_a_run_that_was_taken_for_dead_records_nothing_when_it_comes_back(make_site):
    steal = """elsewhere("update task_scheduled set run_id = 'another' where run_id is not null")"""
    site = make_site(plugins={"forum": scheduled("Digest", steal)})

    site.cron(after=60)

    assert site.runs() == []
    assert site.row("forum.Digest").run_id == "another"
    assert "was taken for dead (superseded), so its end is not recorded." in site.log()
