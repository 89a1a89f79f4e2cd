"""What a terminal would obey is shown instead, wherever text of tasks and files is shown."""

import json

import pytest

from tests.cli.program import Program

EVIL = "\x1b[31mred\x07\x9b2J\u202e\x08"
SHOWN = "\\x1b[31mred\\x07\\x9b2J\\u202e\\x08"

PLUGIN = f"""
EVIL = {EVIL!r}

class Evil(ScheduledTask):
    title = EVIL
    schedule = Every(hours=1)

    def execute(self):
        print(EVIL)
        self.progress(1, 2, EVIL)
        raise ValueError(EVIL)


class Choosy(ScheduledTask):
    schedule = Every(hours=1)

    def is_runnable(self):
        return EVIL


class Mail(AdhocTask):
    def execute(self):
        raise ValueError(EVIL)
"""


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("evil"))
    program.configure(
        f'[plugin_settings.forum]\nword = "{EVIL.encode("unicode_escape").decode()}"'.replace("\\x", "\\u00")
    )
    program.write("forum", PLUGIN)
    program.write("broken", f"raise ValueError({EVIL!r})")
    program.prints("adhoc", "queue", "Mail", "--data", json.dumps({"text": EVIL}), "--user", "u")
    program.prints("cron", "--quiet")
    program.prints("pause", "--reason", EVIL)
    return program


COMMANDS = [
    ["list"],
    ["list", "--csv"],
    ["list", "--json"],
    ["show", "Evil"],
    ["show", "Choosy"],
    ["log"],
    ["log", "--csv"],
    ["log", "--json"],
    ["adhoc", "list"],
    ["adhoc", "show", "1"],
    ["adhoc", "summary"],
    ["plugins"],
    ["plugins", "--json"],
    ["config"],
    ["config", "--json"],
    ["cron"],
    ["cron", "--dry-run"],
    ["show", EVIL],
    ["run-task", "Choosy"],
    ["--config", f"/nowhere/{EVIL}", "list"],
]


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda words: " ".join(words).encode("unicode_escape").decode()
)
def test_no_command_sends_a_terminal_what_it_would_obey(evil: Program, command: list[str]) -> None:
    done = evil.run(*command)

    assert [] == [
        character for character in "\x1b\x07\x9b\u202e\x08" if character in done.stdout + done.stderr
    ]


def test_the_output_of_a_run_is_shown_harmless_and_kept_as_it_was(evil: Program) -> None:
    [run] = [row for row in evil.reads("log", "Evil") if row["name"] == "forum.Evil"]

    shown = evil.shows("log", "show", run["run_id"], columns=200)

    assert SHOWN in shown
    assert "\x1b[31m" not in shown
    assert evil.reads("log", "show", run["run_id"])[0]["output"].startswith(EVIL)
    files = [file.read_text("utf-8") for file in (evil.root / "log").rglob("*.log")]
    assert any(f"\n{EVIL}\n" in text for text in files)
