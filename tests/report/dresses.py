"""A cron log as other programs hand it on: with prefixes, in JSON, in colour, in HTML, in other encodings."""

from __future__ import annotations

import json
from collections.abc import Callable


def each(prefix: str) -> Callable[[str], bytes]:
    """Put a prefix before each line."""

    def dressed(text: str) -> bytes:
        return "".join(f"{prefix}{line}\n" for line in text.splitlines()).encode("utf-8", "surrogateescape")

    return dressed


def docker_json(text: str) -> bytes:
    """Write each line as docker's json-file driver does."""
    lines = [
        {"log": f"{line}\n", "stream": "stdout", "time": "2026-11-20T13:57:01.123456789Z"}
        for line in text.splitlines()
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def journal_json(text: str) -> bytes:
    """Write each line as `journalctl -o json` does."""
    usual = {"__REALTIME_TIMESTAMP": "1795183021123456", "_HOSTNAME": "web1", "_PID": "4711"}
    return "".join(json.dumps({**usual, "MESSAGE": line}) + "\n" for line in text.splitlines()).encode()


def cri(text: str) -> bytes:
    """Write each line as containerd does, the long ones in two parts."""
    lines = []
    for line in text.splitlines():
        parts = [line[:60], line[60:]] if len(line) > 60 else [line]
        for number, part in enumerate(parts):
            flag = "F" if number == len(parts) - 1 else "P"
            lines.append(f"2026-11-20T13:57:01.12345678{number}Z stdout {flag} {part}\n")
    return "".join(lines).encode()


def of_pods(text: str) -> bytes:
    """Each cron process is a pod of its own, as kubetail shows it."""
    number, lines = 0, []
    for line in text.splitlines():
        number += line.startswith("Server Time: ")
        lines.append(f"[moodle-cron-2841{number:04}-x{number}kq cron] {line}\n")
    return "".join(lines).encode()


def coloured(text: str) -> bytes:
    """Colour whole lines by their kind, as a wrapper for a terminal does."""
    lines = []
    for line in text.splitlines():
        colour = 31 if "failed" in line else 32 if "complete" in line else 0
        lines.append(f"\x1b[{colour}m{line}\x1b[0m\n")
    return "".join(lines).encode()


def in_html(text: str) -> bytes:
    """Write it as a page, as cron.php does in a browser."""
    body = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br />\n")
    return f"<html><body><pre>\n{body}</pre></body></html>\n".encode()


def in_one_line_of_html(text: str) -> bytes:
    """Write it as a page without a line break."""
    return text.replace("&", "&amp;").replace("\n", "<br>").encode()


def encoded(encoding: str, *, mark: bytes = b"") -> Callable[[str], bytes]:
    """Write it in another encoding."""
    return lambda text: mark + text.encode(encoding, "replace")


DRESSES: dict[str, Callable[[str], bytes]] = {
    "plain": each(""),
    "HOST:PID": each("web1:4711 "),
    "HOST:PID and a time": each("web1:4711 2026-11-20 13:57:01 "),
    "our own times": each("2026-11-20 13:57:01 "),
    "docker compose": each("moodle-cron-1  | "),
    "docker compose in colour": each("\x1b[36mmoodle-cron-1  | \x1b[0m"),
    "docker service logs": each("shop_cron.1.k2jd93kdl2@node7    | "),
    "CRI": cri,
    "kubectl --timestamps": each("2026-11-20T13:57:01.123456789Z "),
    "kubectl --prefix": each("[pod/moodle-cron-28412345-x7k2p/cron] "),
    "kubetail, a pod for each run": of_pods,
    "docker's JSON": docker_json,
    "journalctl -o json": journal_json,
    "journald": each("Nov 20 13:57:01 web1 php[4711]: "),
    "journald, short-iso": each("2026-11-20T13:57:01+0000 web1 moodle-cron[4711]: "),
    "syslog, RFC 5424": each("<13>1 2026-11-20T13:57:01.123456+00:00 web1 cron 4711 - - "),
    "syslog to a file": each("2026-11-20T13:57:01.123456+00:00 web1 cron: "),
    "ts": each("Nov 20 13:57:01 "),
    "ts with seconds since 1970": each("1795183021.123456 "),
    "PHP's error log": each("[20-Nov-2026 14:57:01 Europe/Paris] "),
    "[date]": each("[2026-11-20 13:57:01] "),
    "[ctime]": each("[Fri Nov 20 13:57:01 2026] "),
    "python logging": each("2026-11-20 13:57:01,123 INFO cron: "),
    "a word only": each("CRON: "),
    "multilog, TAI64N": each("@400000006b0051b70000a1b2 "),
    "heroku": each("2026-11-20T13:57:01.123456+00:00 app[cron.1]: "),
    "quoted in a mail": each("> "),
    "Apache": each("[20/Nov/2026:13:57:01 +0000] "),
    "colour": coloured,
    "HTML": in_html,
    "HTML in one line": in_one_line_of_html,
    "UTF-8 with a mark": encoded("utf-8", mark=b"\xef\xbb\xbf"),
    "UTF-16 with a mark": encoded("utf-16"),
    "UTF-16, big": encoded("utf-16-be", mark=b"\xfe\xff"),
    "UTF-16 without a mark": encoded("utf-16-le"),
    "Latin-1": encoded("latin-1"),
    "lines that end as on Windows": lambda text: text.replace("\n", "\r\n").encode(),
}
