-- Every scheduled task, by name.
select * from task_scheduled order by name
