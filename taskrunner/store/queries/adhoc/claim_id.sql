-- Hand out one task whatever its time, its fail delay and its attempts, unless it runs elsewhere.
update task_adhoc
set runner_id = :runner_id, run_id = :run_id, started_at = :now, hostname = :hostname, pid = :pid, behind = 0,
  attempts_left = case when attempts_left > 0 then attempts_left - 1 else 0 end,
  tries = tries + 1, first_started_at = coalesce(first_started_at, :now)
where id = :id and run_id is null
returning *
