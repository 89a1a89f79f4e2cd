-- The runs under way, longest first; the progress is that of the run itself, not of the one before it.
with running as (
  select 'scheduled' as type, name, title, null as adhoc_id, null as "user", next_run_at as due_at,
    fail_delay, failures + 1 as attempt, null as attempts_left, runner_id, run_id, started_at, hostname, pid,
    0 as behind
  from task_scheduled where run_id is not null
  union all select 'adhoc', name, name, id, "user", next_run_at, fail_delay, tries, attempts_left,
    runner_id, run_id, started_at, hostname, pid, behind from task_adhoc where run_id is not null
  union all select 'adhoc', run_name, run_name, null, null, run_started_at, 0, 1, null,
    id, run_id, run_started_at, hostname, pid, 0 from task_runner where run_id is not null
)
select running.*, runner.log_file, progress.progress_done, progress.progress_total, progress.progress_text,
  progress.progress_at from running left join task_runner as runner on runner.id = runner_id
  left join task_runner as progress on progress.id = runner_id and progress.progress_run_id = running.run_id
order by running.started_at, running.run_id
