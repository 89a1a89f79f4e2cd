"""`[web]`: crons that visits start, and the administration in a browser."""

from collections.abc import Callable

import pytest

from taskrunner.config import Config, WebConfig


def test_without_a_section_everything_has_its_default(load: Callable[..., Config]) -> None:
    web = load().web

    assert WebConfig() == web
    assert ("image", "/_taskrun/tick.gif", "due") == (web.mode, web.path, web.emit)
    assert (60, 180, 300, ()) == (web.throttle, web.cron_alive, web.look_again, web.command)
    assert (False, False, ()) == (web.run_now, web.show_custom_data, web.hosts)


@pytest.mark.parametrize(("name", "seconds"), [("throttle", 900), ("cron_alive", 901), ("look_again", 902)])
def test_visits_have_nothing_to_start_for_the_longest_of_the_three(
    load: Callable[..., Config], name: str, seconds: int
) -> None:
    assert seconds == load(f"[web]\n{name} = {seconds}").web.longest_quiet


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "mode = 'images'",
            "[web] mode = \"images\" is not one of response | image | both; did you mean 'image'?",
        ),
        ("emit = 'never'", '[web] emit = "never" is not one of due | always'),
        ("throttle = 9", "[web] throttle = 9 is too small; at least 10"),
        ("path = 'tick.gif'", '[web] path = "tick.gif" is not a path of letters, digits and _ ~ . -'),
        ("command = ['']", '[web] command = [""] names no program'),
        ("hosts = 'a.example'", '[web] hosts = "a.example" is not a list of texts'),
        ("hosts = ['a.example', 'http://b']", "has 'http://b', which is not the name of a host"),
        ("hosts = ['*']", "has '*', which is not the name of a host"),
        ("hosts = ['a.example:8077']", "has 'a.example:8077', which is not the name of a host"),
    ],
)
def test_what_is_wrong_is_named(refusal: Callable[..., str], text: str, problem: str) -> None:
    assert problem in refusal(f"[web]\n{text}")


def test_it_can_be_set_by_environment(load: Callable[..., Config]) -> None:
    assert "both" == load(TASKRUN_WEB__MODE="both").web.mode
    assert ("a.example", "[::2]") == load(TASKRUN_WEB__HOSTS="A.example, [::2]").web.hosts
