-- Where a kept run stands in lists.
select started_at, id from task_log where run_id = :run_id
