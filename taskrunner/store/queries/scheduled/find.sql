-- One scheduled task.
select * from task_scheduled where name = :name
