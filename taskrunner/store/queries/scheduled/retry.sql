-- Forget the fail delay and make the task due.
update task_scheduled set fail_delay = 0, next_run_at = :now where name = :name
returning name
