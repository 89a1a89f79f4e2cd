-- Move a task to another time.
update task_adhoc set next_run_at = :next_run_at where id = :id
returning id
