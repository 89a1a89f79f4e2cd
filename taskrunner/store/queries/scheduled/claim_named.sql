-- Hand out one task whatever its schedule, unless it runs elsewhere.
update task_scheduled
set runner_id = :runner_id, run_id = :run_id, started_at = :now, hostname = :hostname, pid = :pid
where name = :name and run_id is null
returning *
