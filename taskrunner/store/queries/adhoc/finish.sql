-- Remove a task that is done; no row comes back when the task belongs to another run by now.
delete from task_adhoc where run_id = :run_id
returning id
