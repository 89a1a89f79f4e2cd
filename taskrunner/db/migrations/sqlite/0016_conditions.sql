-- SQLite makes a table of the values of an `in` for each row that it writes; PostgreSQL does not.
drop index task_log_failed;
create index task_log_failed on task_log (started_at, id)
  where outcome = 'failed' or outcome = 'crashed' or outcome = 'timeout';
drop index task_log_failed_by_name;
create index task_log_failed_by_name on task_log (name, started_at)
  where outcome = 'failed' or outcome = 'crashed' or outcome = 'timeout';
drop index task_log_uncounted;
create index task_log_uncounted on task_log (name, started_at)
  where outcome <> 'ok' and outcome <> 'failed' and outcome <> 'crashed' and outcome <> 'timeout';

-- The view of queued tasks shows their priority.
drop view v_task_adhoc;
create view v_task_adhoc as
select id, name, plugin, "user", datetime(created_at, 'unixepoch') as created,
  datetime(next_run_at, 'unixepoch') as next_run, fail_delay, attempts_left, failures, last_message,
  datetime(started_at, 'unixepoch') as started, hostname, pid, priority
from task_adhoc;
