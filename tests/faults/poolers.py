"""A pool of transactions between crons and their database: each cron is refused, whatever session it gets."""

from collections import Counter

from tests.databases import ask
from tests.db.test_postgres_poolers import ADVISORY, clients_at_work
from tests.faults.invariants import Findings
from tests.faults.kills import queue
from tests.faults.site import FaultySite
from tests.server.pgbouncer import running_pgbouncer
from tests.server.postgres import PostgresServer

TASKS = 16


def refused_crons(site: FaultySite, server: PostgresServer, times: int) -> tuple[Findings, str]:
    """Start so many crons through pgbouncer while other clients are at work; none runs a task."""
    queued = queue(site, TASKS)
    name = site.database.rpartition("/")[2]
    with running_pgbouncer(server) as bouncer, clients_at_work(bouncer.url(name), 3):
        config = site.config()
        config.write_text(config.read_text("utf-8").replace(site.database, bouncer.url(name)), "utf-8")
        codes = Counter(site.cron() for _ in range(times))
        [(locks,)] = ask(server.url(), ADVISORY)
    found = Findings(queued=len(queued))
    left = {task_id for (task_id,) in ask(site.database, "select id from task_adhoc where run_id is null")}
    found.lost = len(queued - left)
    found.expect({78: times} == codes, f"crons ended with {dict(codes)}")
    found.expect(locks == 0, f"{locks} locks are left behind")
    found.expect(not site.notes() and left == queued, "tasks were started, or are not there any more")
    found.expect("Traceback" not in site.errors(), f"a traceback: {site.errors()[-400:]}")
    return found, f"{codes[78]} of {times} crons refused, {locks} locks left behind"
