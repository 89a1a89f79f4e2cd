-- When the oldest of the newest runs of a task started: none where it has fewer.
select started_at, id from task_log where name = :name order by started_at desc, id desc limit 1 offset :runs
