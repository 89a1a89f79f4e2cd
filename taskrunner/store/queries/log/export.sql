-- A page of kept runs with their output, oldest first.
select id, run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome, message,
  output, log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid, noticed_at
from task_log
where (started_at, id) > (:after, :after_id) and started_at < :until and (:name = '' or name = :name)
order by started_at, id limit :limit
