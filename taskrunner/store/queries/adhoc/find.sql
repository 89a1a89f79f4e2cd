-- One queued task.
select * from task_adhoc where id = :id
