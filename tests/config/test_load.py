import os
from pathlib import Path

import pytest

from taskrunner.config import load_config
from taskrunner.config.values import find_lines
from taskrunner.errors import ConfigError


def refusal_of(file: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(Path(file.name), environ={}, cwd=file.parent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_named_file_that_is_missing_is_said(tmp_path: Path) -> None:
    expected = "site.toml does not exist"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_directory_is_said(tmp_path: Path) -> None:
    (tmp_path / "site.toml").mkdir()

    expected = "site.toml is a directory"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "site.toml")

    expected = "site.toml is not a regular file"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("")

    expected = "site.toml cannot be read: Not a directory"
    assert expected == refusal_of(tmp_path / "site.toml" / "site.toml")


def test_a_link_is_refused_wherever_it_leads(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("")
    (tmp_path / "site.toml").symlink_to("real.toml")

    expected = "site.toml is a link; name the file it leads to"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_link_above_the_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "site.toml").write_text('timezone = "UTC"')
    (tmp_path / "link").symlink_to("real")

    assert "UTC" == load_config(tmp_path / "link" / "site.toml", environ={}, cwd=tmp_path).timezone


@pytest.mark.parametrize("mode", [0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "site.toml").write_text("")
    (tmp_path / "site.toml").chmod(mode)

    expected = "site.toml is writable by group or others (chmod go-w)"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site.toml").write_text("")
    owner = 4711 if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:
        os.chown(tmp_path / "site.toml", owner, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    expected = f"site.toml is owned by uid {owner}, neither root nor the user running taskrunner"
    assert expected == refusal_of(tmp_path / "site.toml")


@pytest.mark.parametrize("depth", [0, 1])
def test_a_file_that_others_may_replace_is_refused(tmp_path: Path, depth: int) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "site.toml").write_text("")
    loose = [inner, inner.parent][depth]
    loose.chmod(0o777)

    assert refusal_of(inner / "site.toml").endswith(
        f"{loose}, which is writable by group or others (chmod go-w)"
    )


def test_text_that_is_not_utf_8_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b"# fine\n# caf\xe9\n")

    expected = "site.toml is not UTF-8 text, at line 2"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_file_above_256_kib_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b"#" * (256 * 1024 + 1))

    expected = "site.toml is larger than 256 KiB"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_file_of_256_kib_is_read(tmp_path: Path) -> None:
    zone = b'timezone = "UTC"\n'
    (tmp_path / "site.toml").write_bytes(zone + b"#" * (256 * 1024 - len(zone)))

    expected = "UTC"
    assert expected == load_config(tmp_path / "site.toml", environ={}, cwd=Path("/")).timezone


def test_broken_toml_is_said_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("[cron]\nkeep_alive: 5\n", encoding="utf-8")

    message = refusal_of(tmp_path / "site.toml")

    assert message.startswith("site.toml is not valid TOML: ")
    assert "at line 2, column 11" in message


def test_toml_nested_too_deeply_is_said(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("a = " + "[" * 50_000, encoding="utf-8")

    expected = "site.toml is not valid TOML: nested too deeply"
    assert expected == refusal_of(tmp_path / "site.toml")


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_bytes(b'\xef\xbb\xbftimezone = "UTC"\r\n[cron]\r\nkeep_alive = 5\r\n')

    expected = 5
    assert expected == load_config(tmp_path / "site.toml", environ={}, cwd=Path("/")).cron.keep_alive


def test_an_error_names_the_file_as_the_user_did(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/site.toml").write_text("colour = 1", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"^conf/site\.toml line 1: unknown key 'colour'$"):
        load_config(Path("conf/site.toml"), environ={}, cwd=tmp_path)


def test_lines_are_found_whatever_the_notation() -> None:
    text = '''\
# [cron] in a comment, it's "one
a = """
[cron]
b = 1
"""
list = [  # with ] and " in a comment
  "x]", \'[y\',
]
"quoted = key" = { inner = 1, other = [2] }
dotted.key = 1

  [tasks."forum.*"]  # note
schedule = "# no comment"
[[many]]
x = \'\'\'
y = 1\'\'\'\'
z = 2'''

    expected = {
        ("a",): 2,
        ("list",): 6,
        ("quoted = key",): 9,
        ("quoted = key", "inner"): 9,
        ("quoted = key", "other"): 9,
        ("dotted",): 10,
        ("dotted", "key"): 10,
        ("tasks",): 12,
        ("tasks", "forum.*"): 12,
        ("tasks", "forum.*", "schedule"): 13,
        ("many",): 14,
        ("many", "x"): 15,
        ("many", "z"): 17,
    }
    assert expected == find_lines(text)
