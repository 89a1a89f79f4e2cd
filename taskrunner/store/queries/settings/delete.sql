-- Forget a value.
delete from task_setting where name = :name
