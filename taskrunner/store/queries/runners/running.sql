-- The runs under way, longest first.
select 'scheduled' as type, name, title, null as adhoc_id, null as "user", next_run_at as due_at, fail_delay,
  failures, null as attempts_left, runner_id, run_id, task_scheduled.started_at, task_scheduled.hostname, task_scheduled.pid,
  log_file, progress_done, progress_total, progress_text
from task_scheduled left join task_runner on task_runner.id = runner_id
where run_id is not null
union all
select 'adhoc', name, name, task_adhoc.id, "user", next_run_at, fail_delay,
  failures, attempts_left, runner_id, run_id, task_adhoc.started_at, task_adhoc.hostname, task_adhoc.pid,
  log_file, progress_done, progress_total, progress_text
from task_adhoc left join task_runner on task_runner.id = runner_id
where run_id is not null
order by 12, 11
