-- When it was noticed that the process of a run had died: its end is then the last that is known of its life.
alter table task_log add column noticed_at real;
alter table task_runner add column progress_at real;

-- Runs that do not say whether their task works: statistics leave them out.
create index task_log_uncounted on task_log (name, started_at)
  where outcome not in ('ok', 'failed', 'crashed', 'timeout');

drop view v_task_log;
create view v_task_log as
select id, run_id, type, name, plugin, adhoc_id, "user", datetime(due_at, 'unixepoch') as due,
  datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as seconds, outcome, message, attempt, db_reads, db_writes, hostname, pid,
  log_file, datetime(noticed_at, 'unixepoch') as noticed
from task_log;
