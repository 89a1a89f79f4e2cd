-- Remove a task that is not running.
delete from task_adhoc where id = :id and run_id is null
returning id
