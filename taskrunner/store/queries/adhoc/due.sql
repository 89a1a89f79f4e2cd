-- Whether a task waits for a runner; looks at one row.
select 1 as due from task_adhoc where run_id is null and attempts_left > 0 and next_run_at <= :now limit 1
