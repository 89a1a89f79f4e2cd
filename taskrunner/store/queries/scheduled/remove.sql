-- Forget a task that is not running; its kept runs stay.
delete from task_scheduled where name = :name and run_id is null
returning name
