"""taskrun_contrib/mail_queue and a server that breaks down: each recipient's mail is sent or kept."""

import errno
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contrib.smtp_faults import (
    FAULTS,
    FIRST,
    MAIL_PHASES,
    SESSION_PHASES,
    FaultyServer,
    Queue,
    cases,
    plugin,
    suffer,
)
from tests.patience import DEADLINE

LOST = ("421", "disconnect", "drip", "garbage")


def expected(phase: str, fault: str) -> list[str]:
    """Return where the mails of ann, bob and eve are, and that of zoe, which comes after it."""
    if phase in SESSION_PHASES:
        return ["waits"] * 4
    if phase == "quit":
        return ["sent"] * 4
    if phase == "rset":
        return ["failed"] * 4  # the server knows nobody
    if phase == "end":
        said_no = {"4xx": "again", "421": "again", "5xx": "failed", "530": "failed"}
        return [said_no.get(fault, "sent+again")] * 3 + ["sent"]
    if fault == "530":
        return ["again"] * 3 + ["waits"]
    if fault in LOST:
        return ["again"] * 3 + ["sent"]
    word = "again" if fault == "4xx" else "failed"
    if phase.startswith("rcpt"):
        return [word if number == phase[-1] else "sent" for number in "123"] + ["sent"]
    return [word] * 3 + ["sent"]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Callable[..., Queue]]:
    """Make a queue whose server has the given fault."""
    servers: list[FaultyServer] = []

    def make(phase: str = "", fault: str = "", **options: object) -> Queue:
        servers.append(FaultyServer(phase, fault, **options).__enter__())  # type: ignore[arg-type]
        return Queue(tmp_path, servers[-1])

    yield make
    for server in servers:
        server.__exit__()


@pytest.mark.parametrize("fault", FAULTS)
def test_in_whatever_phase_it_comes_nobodys_mail_is_lost(tmp_path: Path, fault: str) -> None:
    phases = [phase for phase, its_fault in cases() if its_fault == fault]
    plugin()  # imported before there are threads
    with ThreadPoolExecutor(len(phases)) as pool:
        outcomes = dict(
            zip(phases, pool.map(lambda phase: suffer(tmp_path / phase, phase, fault), phases), strict=True)
        )

    assert {phase: expected(phase, fault) for phase in phases} == {
        phase: list(outcome.states) for phase, outcome in outcomes.items()
    }
    assert {phase: healed(phase, fault) for phase in phases} == {
        phase: list(outcome.afterwards) for phase, outcome in outcomes.items()
    }
    assert {phase: fails(phase, fault) for phase in phases} == {
        phase: bool(outcome.failure) for phase, outcome in outcomes.items()
    }


def healed(phase: str, fault: str) -> list[str]:
    """Return the same once the server works: all are sent but those refused, twice where that is allowed."""
    after = {"waits": "sent", "again": "sent", "sent+again": "sent+sent"}
    return [after.get(state, state) for state in expected(phase, fault)]


def fails(phase: str, fault: str) -> bool:
    at_mails = phase in MAIL_PHASES and not (fault == "530" and phase not in ("end", "rset", "quit"))
    return not at_mails


def test_the_server_of_these_tests_has_every_fault_in_every_phase() -> None:
    assert 1 + 12 * len(FAULTS) == len(set(cases()))


def test_each_recipient_has_a_reason_of_its_own(queue: Callable[..., Queue]) -> None:
    its = queue("rcpt 3", "421")
    its.post(*FIRST)
    its.send()
    its.let_time_pass()
    its.server.phase, its.server.fault = "rcpt 2", "5xx"
    its.send(attempts=2)

    assert ["sent", "failed", "sent"] == [its.state(address) for address in FIRST]
    assert "bob@example.org: 554 5.3.0 never\n" == its.reason("bob@example.org")


def test_a_second_refusal_does_not_write_over_the_first(queue: Callable[..., Queue]) -> None:
    its = queue()
    its.server.answers = {"ann@": [b"550 no ann\r\n"], "bob@": [b"451 wait\r\n", b"550 no bob\r\n"]}
    its.post(*FIRST)
    its.send()
    its.let_time_pass()
    its.send()

    assert ["failed", "failed", "sent"] == [its.state(address) for address in FIRST]
    assert "ann@example.org: 550 no ann\n" == its.reason("ann@example.org")
    assert "bob@example.org: 550 no bob\n" == its.reason("bob@example.org")


def test_two_mails_of_one_file_name_are_two_mails(queue: Callable[..., Queue]) -> None:
    its = queue("mail", "4xx")
    new = its.spool / "new"
    new.mkdir(parents=True)
    for to in ("ann@example.org", "bob@example.org"):
        (new / "news.eml").write_text(f"From: site@example.org\nTo: {to}\n\nhello\n")
        its.server.phase = "mail"
        its.send()
    waiting = len(list(new.iterdir()))
    its.server.phase = ""
    its.let_time_pass()
    its.send()

    assert 2 == waiting
    assert [("ann@example.org",), ("bob@example.org",)] == sorted(its.server.accepted)
    ids = [re.findall(rb"^Message-ID: <(\S+)>", content, re.MULTILINE) for content in its.server.contents]
    assert [1, 1] == [len(found) for found in ids]
    assert ids[0] != ids[1]


def test_a_message_id_stays_the_same_however_often_it_is_sent(queue: Callable[..., Queue]) -> None:
    its = queue("end", "disconnect")
    its.post("ann@example.org")
    its.send()
    its.let_time_pass()
    its.send()

    first, second = its.server.contents
    assert first == second
    assert b"\r\nMessage-ID: <" in first


BODY = (
    b"From me to you\n.\n..dots\nFrom the start of a line\n\tTabs \n\n-- \nSie l\xc3\xa4cheln\n\xff\xfe"
    b"\n> From\nend"
)


def test_not_a_byte_of_the_body_is_changed(queue: Callable[..., Queue]) -> None:
    its = queue()
    its.post(content=b"From: site@example.org\nTo: ann@example.org\nX-Odd:  spaces  \n\n" + BODY)
    its.send()

    [content] = its.server.contents
    header, _, body = content.partition(b"\r\n\r\n")
    undotted = re.sub(rb"(?m)^\.\.", b".", body)
    assert BODY.replace(b"\n", b"\r\n") + b"\r\n" == undotted
    assert b"X-Odd:  spaces  \r\n" in header


def test_an_address_outside_of_ascii_is_refused_alone_where_the_server_takes_none(
    queue: Callable[..., Queue],
) -> None:
    its = queue()
    its.post("jürgen@example.org", "ann@example.org", "bob@bücher.example")
    its.send()

    assert [("ann@example.org", "bob@xn--bcher-kva.example")] == its.server.accepted
    assert "jürgen@example.org: the server takes no addresses outside of ASCII\n" == its.reason(
        "jürgen@example.org"
    )


def test_an_address_outside_of_ascii_is_sent_where_the_server_takes_it(queue: Callable[..., Queue]) -> None:
    its = queue(extensions=("8BITMIME", "SMTPUTF8"))
    its.post("jürgen@bücher.example", "ann@example.org")
    its.send()

    assert [("jürgen@bücher.example", "ann@example.org")] == its.server.accepted
    assert [True] == [command.endswith(" SMTPUTF8") for command in its.server.commands if "MAIL" in command]


def test_a_mail_may_have_no_sender(queue: Callable[..., Queue]) -> None:
    its = queue()
    for empty in ("<>", ""):
        its.post(content=f"X-Envelope-From: {empty}\nFrom: site@example.org\nTo: ann@example.org\n\nhello\n")
    its.send()

    assert 2 == sum(command.startswith("MAIL FROM:<> ") for command in its.server.commands)
    assert [("ann@example.org",)] * 2 == its.server.accepted


@pytest.mark.parametrize(
    "name",
    ["a,b.eml", "A.EML", "x" * 250 + ".eml", "new\nline.eml", "ü" * 120 + ".eml", ",tries=9999999.eml"],
)
def test_whatever_its_name_a_mail_is_sent_and_tried_again(queue: Callable[..., Queue], name: str) -> None:
    its = queue("mail", "4xx")
    (its.spool / "new").mkdir(parents=True)
    (its.spool / "new" / name).write_text("From: site@example.org\nTo: ann@example.org\n\nhello\n")
    its.send()
    first = its.state("ann@example.org")
    its.let_time_pass()
    its.send()

    assert ("again", "sent") == (first, its.state("ann@example.org"))


def test_any_number_of_mails_goes_over_one_connection_if_it_is_so_set(queue: Callable[..., Queue]) -> None:
    its = queue()
    for number in range(60):
        its.post(f"{number}@example.org")
    its.send(package=0)

    assert 60 == len(its.server.accepted)
    assert 1 == sum(command == "STARTTLS" for command in its.server.commands)


@pytest.mark.parametrize(
    ("to", "named"),
    [
        ("ann@example.org bob@example.org", "ann@example.org bob@example.org"),
        ("ann@example.org; not an address", "not an address"),
        ("eve@example.org, <x@y", "x@y"),
        ("<>", "<>"),
    ],
)
def test_what_is_no_address_is_kept_with_its_reason(queue: Callable[..., Queue], to: str, named: str) -> None:
    its = queue()
    its.post(to)
    its.send()

    reasons = [path.read_text() for path in (its.spool / "failed").glob("*.txt")]
    sent = [address for accepted in its.server.accepted for address in accepted]
    assert [f"{named}: this is no address\n"] == reasons or named in sent


def test_ten_refusals_in_a_row_are_the_servers_fault_and_the_others_wait(queue: Callable[..., Queue]) -> None:
    its = queue(refuses_all=True)
    for number in range(30):
        its.post(f"{number}@example.org")
    failure = its.send()

    assert "10 mails were refused in a row, the others wait: 550 5.1.1 nobody" == failure
    assert (20, 10) == (
        len(list((its.spool / "new").iterdir())),
        len(list((its.spool / "failed").glob("*.eml"))),
    )


def test_three_lost_connections_in_a_row_are_the_servers_fault_and_the_others_wait(
    queue: Callable[..., Queue],
) -> None:
    its = queue("mail", "disconnect", always=True)
    for number in range(5):
        its.post(f"{number}@example.org")
    failure = its.send()

    assert failure.startswith("3 connections were lost in a row, the others wait: ")
    assert ["again", "again", "again", "waits", "waits"] == [
        its.state(f"{number}@example.org") for number in range(5)
    ]


def test_a_server_that_ends_a_connection_after_some_mails_gets_the_others_over_another(
    queue: Callable[..., Queue],
) -> None:
    its = queue(mails_each=2)
    for number in range(7):
        its.post(f"{number}@example.org")
    failure = its.send()

    assert ("", ["sent"] * 7) == (failure, [its.state(f"{number}@example.org") for number in range(7)])


def test_a_server_that_drips_takes_no_longer_than_it_was_given(queue: Callable[..., Queue]) -> None:
    its = queue("rcpt 1", "drip", always=True)
    for number in range(20):
        its.post(f"{number}@example.org")
    settings = its.settings(timeout=2, seconds=3)
    until = plugin("connection").time.monotonic() + settings.seconds
    sending = plugin().Sending(plugin("spool").Spool(its.spool), settings, until=until)
    due = plugin("spool").Spool(its.spool).due(4e9)
    while due and not sending.is_over:
        due = sending.send(due)
    late = plugin("connection").time.monotonic() - until

    assert late < settings.timeout + DEADLINE / 2  # on whatever machine; without a bound it would not end
    assert {"again", "waits"} == {its.state(f"{number}@example.org") for number in range(20)}


@pytest.mark.parametrize("line", [b"250-" + b"x" * 100 + b"\r\n", b"x" * 10_000])
def test_an_answer_without_an_end_is_not_read_for_ever(queue: Callable[..., Queue], line: bytes) -> None:
    its = queue()
    its.server.answers = {"ann@": [line * 1000]}
    its.post("ann@example.org")
    its.send()

    assert "again" == its.state("ann@example.org")


def test_a_process_killed_between_yes_and_the_end_sends_nothing_to_others_twice(
    queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    its = queue()
    its.server.answers = {"bob@": [b"550 no bob\r\n"] * 2, "eve@": [b"451 wait\r\n"] * 2}
    its.post(*FIRST)

    def die(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    for step in ("keep_failed", "postpone"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(plugin("spool").Claim, step, die)
            its.send()
    its.send()
    its.let_time_pass()
    its.send()

    assert "sent" == its.state("ann@example.org")
    assert {"failed", "failed+failed"} >= {its.state("bob@example.org")}
    assert "sent" == its.state("eve@example.org")


def test_on_a_full_disk_nobody_gets_a_mail_again_and_nobodys_is_lost(
    queue: Callable[..., Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    its = queue()
    its.server.answers = {"bob@": [b"451 wait\r\n"]}
    its.post(
        content="From: site@example.org\nTo: ann@example.org, bob@example.org\nMessage-ID: <1@x>\n\nhello\n"
    )

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(plugin("spool"), "_made", full)
        its.send()
    its.send()

    assert [("ann@example.org",)] == its.server.accepted
    assert "sent+failed" == its.state("ann@example.org")  # of the file, which says to whom it went no more
    assert "failed" == its.state("bob@example.org")
