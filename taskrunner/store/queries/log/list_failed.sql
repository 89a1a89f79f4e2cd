-- Kept runs that failed, newest first; "" for the tasks of any name.
select run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome, message,
  '' as output, log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid
from task_log
where outcome in ('failed', 'crashed', 'timeout') and started_at >= :since and started_at < :until
  and (:name = '' or name = :name) and ended_at - started_at >= :min_duration
  and (:outcome = '' or outcome = :outcome)
  and (:grep = '' or output /*sqlite like */ /*postgres ilike */ :grep escape '\'
    or message /*sqlite like */ /*postgres ilike */ :grep escape '\')
order by started_at desc, id desc limit :limit
