-- Say why a run was ended from outside, if it was.
update task_log set message = :message where run_id = :run_id and outcome in ('interrupted', 'crashed')
returning run_id
