-- Every queued task, oldest first.
select * from task_adhoc order by next_run_at, id
