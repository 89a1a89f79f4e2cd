-- The processes that run tasks, or died while they did.
select * from task_runner order by started_at, id
