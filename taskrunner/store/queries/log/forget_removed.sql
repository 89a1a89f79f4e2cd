-- Forget how many runs of a task are no longer kept.
delete from task_log_removed where name = :name
