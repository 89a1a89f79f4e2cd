"""How long to wait for a PostgreSQL server, in words of libpq and of the server."""

NETWORK = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How a lost server is noticed within half a minute; what the URL says comes first."""

TIMEOUTS = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
"""How long the server lets a statement of taskrunner's own take, wait for others, and think between two."""
