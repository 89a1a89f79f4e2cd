-- Kept runs whose id begins so, with their output; two are enough to know that one is not.
select run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome, message, output,
  log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid, noticed_at
from task_log where run_id >= :first and run_id <= :last order by run_id limit 2
