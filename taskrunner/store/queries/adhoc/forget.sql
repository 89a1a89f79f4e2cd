-- Remove what is queued of a class, but for what is running.
delete from task_adhoc where name = :name and run_id is null
returning id
