"""taskrun_contrib/mail_queue, with real files and a real SMTP server on loopback."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contrib.mail_storm import let_time_pass, spool_module, storm
from tests.contrib.plugin_site import PluginSite
from tests.contrib.smtp_server import CERTIFICATE, LoopbackServer, free_port

SETTINGS = """\
[plugin_settings.mail_queue]
spool = "spool"
host = "127.0.0.1"
port = {port}
security = "none"
"""
TASK = "SendMails"
MAIL = "From: Site <site@example.org>\nTo: {to}\nSubject: Hello\n\nHello.\n"


class MailSite:
    """A site with a spool, and the server it sends to."""

    def __init__(self, site: PluginSite, server: LoopbackServer) -> None:
        self.site = site
        self.server = server
        self.spool = site.root / "spool"
        self.configure()

    def configure(self, extra: str = "", *, port: int | None = None) -> None:
        self.site.configure(SETTINGS.format(port=port or self.server.port) + extra)

    def post(self, to: str = "ann@example.org", mail: str = MAIL) -> Path:
        path: Path = spool_module().post(self.spool, mail.format(to=to).encode())
        return path

    def send(self) -> str:
        return self.site.run_task(TASK)

    def files(self, folder: str) -> list[str]:
        return sorted(os.listdir(self.spool / folder))

    def contents(self) -> list[str]:
        return [received.content.decode() for received in self.server.handler.received]

    def recipients(self) -> list[list[str]]:
        return [received.recipients for received in self.server.handler.received]


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailSite]:
    with LoopbackServer() as server:
        yield MailSite(PluginSite.with_plugins(tmp_path / "site", "mail_queue"), server)


def test_a_posted_mail_is_sent_and_removed(mail: MailSite) -> None:
    mail.post("Ann <ann@example.org>, bob@example.org")
    printed = mail.send()

    [received] = mail.server.handler.received
    assert ("site@example.org", ["ann@example.org", "bob@example.org"]) == (
        received.sender,
        received.recipients,
    )
    assert "1 sent, 0 to be tried again, 0 refused; 0 wait\n" in printed
    assert [[], [], []] == [mail.files(folder) for folder in ("new", "claimed", "failed")]


def test_mails_are_sent_oldest_first_over_one_connection_a_package(mail: MailSite) -> None:
    for number in range(5):
        mail.post(f"{number}@example.org")
    mail.configure("package = 2\n")
    mail.send()

    assert [[f"{number}@example.org"] for number in range(5)] == mail.recipients()


def test_blind_copies_are_sent_and_not_named(mail: MailSite) -> None:
    mail.post(mail=MAIL.replace("Subject", "Bcc: eve@example.org\nCc: bob@example.org\nSubject"))
    mail.send()

    assert [["ann@example.org", "bob@example.org", "eve@example.org"]] == mail.recipients()
    assert "eve@example.org" not in mail.contents()[0]


def test_a_mail_without_a_message_id_gets_one_that_stays_the_same(mail: MailSite) -> None:
    mail.post("ann@example.org, later@example.org")
    mail.send()
    let_time_pass(mail.spool)
    [waiting] = (mail.spool / "new").iterdir()
    waiting.write_text(waiting.read_text().replace("later@", "bob@"))
    mail.send()

    first, second = (received.message_id for received in mail.server.handler.received)
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", first)
    assert first == second


def test_a_line_with_a_dot_and_bare_line_ends_arrive_as_meant(mail: MailSite) -> None:
    mail.post(mail="From: a@example.org\nTo: b@example.org\n\n.\r\nRCPT TO:<c@example.org>\n.\nend\r")
    mail.send()

    assert mail.contents()[0].endswith("\r\n\r\n.\r\nRCPT TO:<c@example.org>\r\n.\r\nend\r\n")
    assert [["b@example.org"]] == mail.recipients()


def test_a_mail_refused_for_good_is_kept_with_the_reason(mail: MailSite) -> None:
    posted = mail.post("refused@example.org")
    printed = mail.send()

    assert [f"{posted.stem}.eml", f"{posted.stem}.txt"] == mail.files("failed")
    reason = "refused@example.org: 550 5.1.1 no such user"
    assert f"{reason}\n" == (mail.spool / "failed" / f"{posted.stem}.txt").read_text()
    assert f"{posted.name}: refused: {reason}\n" in printed
    kept = (mail.spool / "failed" / posted.name).read_text()
    assert MAIL.format(to="refused@example.org") == re.sub(r"Message-ID: .*\n", "", kept)


def test_a_mail_refused_for_now_waits_longer_each_time(mail: MailSite) -> None:
    posted = mail.post("later@example.org")
    mail.send()
    [first] = (mail.spool / "new").iterdir()
    waits = [first.stat().st_mtime - time.time()]
    let_time_pass(mail.spool)
    mail.send()
    [second] = (mail.spool / "new").iterdir()
    waits.append(second.stat().st_mtime - time.time())

    assert [f"{posted.stem},tries=1.eml", f"{posted.stem},tries=2.eml"] == [first.name, second.name]
    assert [pytest.approx(60, abs=20), pytest.approx(120, abs=20)] == waits


def test_a_mail_that_waits_is_not_tried_before_its_time(mail: MailSite) -> None:
    path = mail.post()
    os.utime(path, (time.time() + 3600, time.time() + 3600))
    code, _ = mail.site.taskrun("cron")

    assert (0, []) == (code, mail.server.handler.received)


def test_a_mail_is_given_up_after_its_attempts(mail: MailSite) -> None:
    mail.configure("attempts = 2\n")
    mail.post("later@example.org")
    mail.send()
    let_time_pass(mail.spool)
    mail.send()

    [(_, reason)] = reasons_of(mail).items()
    assert "given up after 2 attempts: later@example.org: 451 4.7.1 greylisted\n" == reason


def test_of_several_recipients_each_gets_it_once_and_the_others_are_kept(mail: MailSite) -> None:
    posted = mail.post("ann@example.org, refused@example.org, later@example.org")
    printed = mail.send()
    let_time_pass(mail.spool)
    mail.send()

    assert [["ann@example.org"]] == mail.recipients()
    assert "1 sent, 1 to be tried again, 1 refused; 0 wait\n" in printed
    assert [f"{posted.stem},tries=2.eml"] == mail.files("new")
    kept = (mail.spool / "failed" / posted.name).read_text()
    assert kept.startswith("X-Envelope-To: refused@example.org\nFrom: Site <site@example.org>\n")


def test_a_kept_part_reaches_its_recipient_without_the_queues_own_header(mail: MailSite) -> None:
    mail.post(mail="X-Envelope-To: bob@example.org\n" + MAIL.format(to="ann@example.org"))
    mail.send()

    assert [["bob@example.org"]] == mail.recipients()
    assert "X-Envelope-To" not in mail.contents()[0]


def test_without_a_server_the_task_fails_and_every_mail_waits_as_it_was(mail: MailSite) -> None:
    posted = mail.post()
    mail.configure(port=free_port())
    printed = mail.site.fails(TASK)

    assert "Connection refused" in printed
    assert "0 sent, 0 to be tried again, 0 refused; 1 wait\n" in printed
    assert [posted.name] == mail.files("new")


def test_a_server_that_closes_the_connection_gets_the_next_mail_over_another(mail: MailSite) -> None:
    for number in range(3):
        mail.post(f"{number}@example.org")
    mail.server.handler.answers = ["421 4.3.2 closing"]
    printed = mail.send()

    assert [["1@example.org"], ["2@example.org"]] == mail.recipients()
    assert "2 sent, 1 to be tried again, 0 refused; 0 wait\n" in printed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "there is no sender"),
        (b"From: a@example.org\n\nto nobody", "there is no recipient"),
        (b"\x00\xff\xfe", "there is no sender"),
    ],
)
def test_a_file_that_is_no_mail_is_refused_and_the_next_is_sent(
    mail: MailSite, content: bytes, reason: str
) -> None:
    (mail.spool / "new").mkdir(parents=True)
    (mail.spool / "new" / "000.eml").write_bytes(content)
    mail.post()
    mail.send()

    assert [["ann@example.org"]] == mail.recipients()
    [(name, said)] = reasons_of(mail).items()
    assert ("000", f"{reason}\n") == (name.partition(",id=")[0], said)


def test_a_symbolic_link_is_refused_and_what_it_names_stays(mail: MailSite, tmp_path: Path) -> None:
    precious = tmp_path / "precious.eml"
    precious.write_text(MAIL.format(to="ann@example.org"))
    (mail.spool / "new").mkdir(parents=True)
    (mail.spool / "new" / "link.eml").symlink_to(precious)
    mail.send()

    assert ([], True) == (mail.server.handler.received, precious.exists())
    assert ["is no regular file\n"] == [*reasons_of(mail).values()]


def test_foreign_files_in_the_spool_are_left_alone_and_counted(mail: MailSite) -> None:
    (mail.spool / "new").mkdir(parents=True)
    for name in (".hidden.eml", "README", "half.eml.tmp"):
        (mail.spool / "new" / name).write_text("foreign")
    mail.post()
    printed = mail.send()

    assert [".hidden.eml", "README", "half.eml.tmp"] == mail.files("new")
    assert f"2 files in {mail.spool / 'new'} do not end in .eml: they are left alone\n" in printed


def test_a_mail_that_is_too_large_is_refused(mail: MailSite) -> None:
    mail.configure("largest = 100\n")
    posted = mail.post(mail=MAIL.format(to="ann@example.org") + "x" * 100)
    mail.send()

    assert "is larger than 100 bytes\n" == (mail.spool / "failed" / f"{posted.stem}.txt").read_text()


def test_claims_of_a_process_that_died_come_back(mail: MailSite) -> None:
    posted = mail.post()
    (mail.spool / "claimed" / "dead").mkdir(parents=True)
    posted.rename(mail.spool / "claimed" / "dead" / posted.name)
    printed = mail.send()

    assert "1 came back from a process that died\n" in printed
    assert ([["ann@example.org"]], []) == (mail.recipients(), mail.files("claimed"))


def test_what_was_only_begun_to_be_written_goes_after_a_day(mail: MailSite) -> None:
    mail.post()
    for name, age in (("old", 25), ("young", 23)):
        (mail.spool / "making" / name).write_text("From: si")
        os.utime(mail.spool / "making" / name, (time.time() - age * 3600, time.time() - age * 3600))
    mail.send()

    assert ["young"] == mail.files("making")


def test_claims_of_a_process_that_lives_are_left_to_it(mail: MailSite) -> None:
    module = spool_module()
    posted = mail.post()
    spool = module.Spool(mail.spool)
    with spool.claimed(spool.due(time.time())) as claim:
        entry = claim.next_entry()
        printed = mail.site.taskrun("run-task", TASK, "--force")[1]

    assert "0 sent" in printed
    assert posted.name == entry.name
    assert [posted.name] == mail.files("new")  # given back when the other was done without having sent it


def test_a_dry_run_sends_nothing(mail: MailSite) -> None:
    posted = mail.post()
    mail.configure("dry_run = true\n")
    printed = mail.send()

    assert "1 would be sent\n" in printed
    assert ([posted.name], []) == (mail.files("new"), mail.server.handler.received)


def test_a_queue_longer_than_its_time_goes_on_with_the_next_cron(mail: MailSite) -> None:
    for number in range(60):
        mail.post(f"{number}@example.org")
    mail.configure("seconds = 1\n")
    mail.server.handler.pause = 0.05
    printed = mail.send()

    assert 0 < len(mail.server.handler.received) < 60
    assert "... has more to do, and is due again behind the others\n" in printed
    assert 1 == mail.site.taskrun("list", "--due", "--plugin", "mail_queue")[1].count(TASK)


def test_an_empty_spool_is_no_work(mail: MailSite) -> None:
    code, printed = mail.site.taskrun("cron", "--verbose")

    assert (0, False) == (code, "Execute" in printed)


def test_without_a_spool_the_task_is_off_and_says_why(mail: MailSite) -> None:
    mail.site.configure("")
    mail.site.taskrun("cron", "--verbose")
    mail.site.taskrun("retry", TASK)
    mail.site.taskrun("cron", "--verbose")

    assert "off: [plugin_settings.mail_queue] spool is not set" in mail.site.taskrun("list")[1]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("hots = 'x'", "hots is unknown; there are spool, host, port"),
        ("port = '25'", "port is not a whole number"),
        ("port = 70000", "port = 70000 is not between 1 and 65535"),
        ("host = ''", "host = '' is no name of a server"),
        ("security = 'ssl'", "security = 'ssl' is none of starttls, tls, none"),
        ("attempts = 0", "attempts = 0 is less than 1"),
        ("timeout = -1", "timeout = -1 is less than 1"),
        ("data_timeout = 0", "data_timeout = 0 is less than 1"),
        ("package = -1", "package = -1 is less than 0"),
        ("ca_file = 'nowhere.pem'", "nowhere.pem' is no file"),
        (
            "user = 'x'\npassword = 'env:NO_SUCH_NAME'",
            "password: there is no NO_SUCH_NAME in the environment",
        ),
        ("user = 'x'\npassword = 'file:/no/such'", "password: /no/such cannot be read"),
        ("user = 'x'\nsecurity = 'none'\nhost = 'mail.example.org'", "would send the password readable"),
    ],
)
def test_a_wrong_setting_fails_the_task_and_is_named(mail: MailSite, setting: str, problem: str) -> None:
    posted = mail.post()
    mail.site.configure(f'[plugin_settings.mail_queue]\nspool = "spool"\n{setting}\n')
    printed = mail.site.fails(TASK)

    assert "ConfigError: [plugin_settings.mail_queue] " in printed
    assert problem in printed
    assert ([posted.name], []) == (mail.files("new"), mail.server.handler.received)


def test_over_starttls_with_a_password_from_the_environment(tmp_path: Path) -> None:
    site = PluginSite.with_plugins(tmp_path / "site", "mail_queue")
    with LoopbackServer(with_tls=True) as server:
        site.configure(
            f'[plugin_settings.mail_queue]\nspool = "spool"\nhost = "localhost"\nport = {server.port}\n'
            f'ca_file = "{CERTIFICATE}"\nuser = "site"\npassword = "env:MAIL_PASSWORD"\n'
        )
        spool_module().post(site.root / "spool", MAIL.format(to="ann@example.org").encode())
        wrong, _ = site.taskrun("run-task", TASK, MAIL_PASSWORD="wrong")
        site.run_task(TASK, MAIL_PASSWORD="s3cret")

    assert (1, 1) == (wrong, len(server.handler.received))


def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    site = PluginSite.with_plugins(tmp_path / "site", "mail_queue")
    with LoopbackServer(with_tls=True) as server:
        site.configure(
            f'[plugin_settings.mail_queue]\nspool = "spool"\nhost = "localhost"\nport = {server.port}\n'
        )
        spool_module().post(site.root / "spool", MAIL.format(to="ann@example.org").encode())
        printed = site.fails(TASK)

    assert "certificate verify failed" in printed
    assert [] == server.handler.received


def test_no_mail_is_lost_however_often_server_and_sender_die(tmp_path: Path) -> None:
    outcome = storm(tmp_path / "site", messages=30, seed=1)

    assert (0, 0) == (outcome.lost, outcome.left), outcome
    assert outcome.refusable == outcome.refused.keys(), outcome
    assert {"refused@example.org: 550 5.1.1 no such user"} == set(outcome.refused.values())
    assert outcome.duplicates <= outcome.unanswered + outcome.kills, outcome


def reasons_of(mail: MailSite) -> dict[str, str]:
    folder = mail.spool / "failed"
    return {path.stem: path.read_text() for path in folder.glob("*.txt")}
