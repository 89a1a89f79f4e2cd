-- How many runs crashed that started since a moment.
select count(*) as crashes from task_log where outcome = 'crashed' and started_at >= :since
