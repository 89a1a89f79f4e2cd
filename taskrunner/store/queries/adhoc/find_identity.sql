-- The oldest queued task with a dedupe key; one that waits before one that runs.
select * from task_adhoc where identity = :identity
order by case when run_id is null then 0 else 1 end, id limit 1
