-- Give back what a runner has claimed and not started.
update task_scheduled
set runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id is not null and runner_id = :runner_id
