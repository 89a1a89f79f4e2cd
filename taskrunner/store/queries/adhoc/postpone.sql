-- Move a task that is not running to another time; it keeps its attempts.
update task_adhoc set next_run_at = :next_run_at
where id = :id and run_id is null
returning id
