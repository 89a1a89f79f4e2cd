"""What is wrong with a connection is told with a hint that is true; a changed password is read again."""

from pathlib import Path

import psycopg
import pytest

from taskrunner.config import load_config
from taskrunner.db.postgres import open_postgres
from taskrunner.db.postgres.connect import shown, translate
from taskrunner.errors import StoreError
from tests.server.postgres import PostgresServer

PLACE = "postgresql://anna@db/tasks"


def refusal_of(url: str) -> StoreError:
    with pytest.raises(StoreError) as refusal:
        open_postgres(url)
    return refusal.value


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("connection failed: session is read-only", "default_transaction_read_only"),
        ("connection failed: server is in hot standby mode", "a standby: name the primary"),
        ("connection failed: SSL error: certificate verify failed", "sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "by the host name"),
        ('root certificate file "/root.crt" does not exist', "authority's certificate"),
        ("connection failed: server does not support SSL, but SSL was required", "lower sslmode"),
        ('invalid sslmode value: "requre"', "verify-full"),
        ("connection timeout expired", "firewall"),
        ('pg_hba.conf rejects connection for host "10.1.1.1", no encryption', "pg_hba.conf accept"),
        ("something nobody has heard of", f"psql '{PLACE}'"),
    ],
)
def test_a_hint_says_what_would_help_with_this_very_error(words: str, hint: str) -> None:
    error = translate(psycopg.OperationalError(words), PLACE)

    assert hint in str(error.hint)
    assert "is the server running" not in str(error.hint)


def test_an_unknown_sslmode_is_told_with_those_that_there_are(postgres_url: str) -> None:
    error = refusal_of(f"{postgres_url}?sslmode=requre")

    assert ("requre" in str(error), True) == (True, "verify-full" in str(error.hint))


def test_a_server_without_tls_is_told_so(postgres_url: str) -> None:
    error = refusal_of(f"{postgres_url}?sslmode=require")

    assert "does not support SSL" in str(error) and "sslmode" in str(error.hint)


def test_a_url_of_two_hosts_is_shown_with_both() -> None:
    url = "postgresql://anna:geheim@db1:5432,db2:5433/tasks?target_session_attrs=read-write"

    assert "postgresql://anna@db1:5432,db2:5433/tasks" == shown(url)


def test_a_password_that_was_changed_behind_a_file_is_read_again(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    own_server.create_database("rotated")
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("create role rota superuser login password 'one'")
    hba = own_server.folder / "data" / "pg_hba.conf"
    trusting = hba.read_text()
    hba.write_text(f"host all rota 127.0.0.1/32 scram-sha-256\n{trusting}")
    own_server.restart()
    url = own_server.url("rotated", user="rota").replace("rota@", "rota:one@")
    (tmp_path / "dsn").write_text(url)
    (tmp_path / "taskrunner.toml").write_text("database = 'file:dsn'\n")
    config = load_config(tmp_path / "taskrunner.toml", environ={}, cwd=tmp_path)
    database = open_postgres(config.database)

    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("alter role rota password 'two'")
    database.close()
    refused = refusal_of(config.database)
    (tmp_path / "dsn").write_text(url.replace(":one@", ":two@"))

    assert "password authentication failed" in str(refused)
    assert [{"a": 1}] == database.fetch("select 1 as a", {})
    database.close()
    hba.write_text(trusting)
    own_server.restart()
