-- The oldest queued task with a dedupe key.
select * from task_adhoc where identity = :identity order by id limit 1
