-- Whether a task waits for a runner; looks at one row.
select 1 as due from task_scheduled
where run_id is null and disabled = 0 and blocked is null and next_run_at <= :now
limit 1
