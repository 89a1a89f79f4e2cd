-- Move a task that waits to another time.
update task_adhoc set next_run_at = :next_run_at where id = :id and run_id is null
returning id
