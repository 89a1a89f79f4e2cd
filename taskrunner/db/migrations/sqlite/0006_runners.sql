-- By how many seconds the clock of a runner's host was ahead of the database's when the runner started.
alter table task_runner add column clock_ahead real not null default 0;

-- The run of an adhoc class that was not queued: no table of tasks has it.
alter table task_runner add column run_id text;
alter table task_runner add column run_name text;
alter table task_runner add column run_started_at real;

drop view v_task_running;
create view v_task_running as
with running as (
  select 'scheduled' as type, name, null as adhoc_id, run_id, started_at, hostname, pid, runner_id
  from task_scheduled where run_id is not null
  union all
  select 'adhoc', name, id, run_id, started_at, hostname, pid, runner_id
  from task_adhoc where run_id is not null
  union all
  select 'adhoc', run_name, null, run_id, run_started_at, hostname, pid, id
  from task_runner where run_id is not null
)
select type, name, adhoc_id, running.run_id, datetime(running.started_at, 'unixepoch') as started, running.hostname,
  running.pid, progress_done, progress_total, progress_text
from running left join task_runner on task_runner.id = runner_id and progress_run_id = running.run_id;
