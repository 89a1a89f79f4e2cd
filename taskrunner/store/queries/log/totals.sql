-- How often a task ran, in a time; what was skipped, cancelled, delayed or interrupted does not count.
select (
    select count(*) from task_log where name = :name and started_at >= :since and started_at < :until
  ) - (
    select count(*) from task_log
    where outcome <> 'ok' and outcome <> 'failed' and outcome <> 'crashed' and outcome <> 'timeout'
      and name = :name and started_at >= :since and started_at < :until
  ) as runs
