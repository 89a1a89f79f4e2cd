"""What a long queue costs on PostgreSQL before it has statistics of it, as after many were queued at once."""

import re
from pathlib import Path

import pytest

from taskrunner.db import Database
from taskrunner.db.sql import adapt
from taskrunner.store import QUERIES, Store
from tests.databases import ON_POSTGRES
from tests.store.store_rows import NOW, claim_info, new_task

LENGTH = 20_000
FEW = 50


@ON_POSTGRES
@pytest.mark.parametrize("query", ["claim", "classes", "running", "finish"])
def test_without_statistics_of_a_long_queue_few_pages_are_read(database: Database, query: str) -> None:
    store = Store(database)
    with store.transaction():
        store.adhoc.add([new_task("full.Class")] * LENGTH, NOW)
    store.adhoc.claim("full.Class", claim_info()).get()
    sql = adapt(Path(QUERIES, "adhoc", f"{query}.sql").read_text("utf-8"), database.dialect)
    parameters = {"name": "full.Class"} | claim_info("RUN2")._asdict()

    told = database.fetch(f"explain (analyze, buffers) {sql}", parameters)

    plan = "\n".join(row["QUERY PLAN"] for row in told)
    pages = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", plan)
    assert pages is not None
    assert sum(int(count or 0) for count in pages.groups()) < FEW, plan
