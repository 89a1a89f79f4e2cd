-- Note the reason of a run that was ended from outside; no row comes back when it was not.
update task_log set message = :message where run_id = :run_id and outcome in ('interrupted', 'crashed')
returning run_id
