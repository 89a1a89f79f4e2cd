-- What an administrator asks of long tables: the failures, by time and by task.
create index task_log_failed on task_log (started_at, id)
  where outcome in ('failed', 'crashed', 'timeout');
create index task_log_failed_by_name on task_log (name, started_at)
  where outcome in ('failed', 'crashed', 'timeout');
create index task_adhoc_failing on task_adhoc (fail_delay) where fail_delay > 0 and attempts_left > 0;
