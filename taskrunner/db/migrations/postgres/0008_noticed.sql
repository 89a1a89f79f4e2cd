-- When it was noticed that the process of a run had died: its end is then the last that is known of its life.
alter table task_log add column noticed_at double precision;
alter table task_runner add column progress_at double precision;

-- Runs that do not say whether their task works: statistics leave them out.
create index task_log_uncounted on task_log (name, started_at)
  where outcome not in ('ok', 'failed', 'crashed', 'timeout');

drop view v_task_log;
create view v_task_log as
select id, run_id, type, name, plugin, adhoc_id, "user", to_timestamp(due_at) as due,
  to_timestamp(started_at) as started, to_timestamp(ended_at) as ended,
  round(cast(ended_at - started_at as numeric), 3) as seconds, outcome, message, attempt, db_reads, db_writes,
  hostname, pid, log_file, to_timestamp(noticed_at) as noticed
from task_log;
