-- When the first of the tasks that wait for a runner is due; looks at one row.
select next_run_at from task_scheduled
where run_id is null and disabled = 0 and blocked is null
order by next_run_at, id limit 1
