-- Note that a task which was claimed behind others runs, and since when.
update task_adhoc set behind = 0, started_at = :started_at where run_id = :run_id
