-- Remove a task that is done, unless it was asked to run again; no row when another run has it by now.
delete from task_adhoc where run_id = :run_id and requested_run_at is null
returning id
