-- Hand out the oldest due task of a class; it goes to one runner only, and the attempt counts from here.
with due as (
  select id from task_adhoc
  where run_id is null and attempts_left > 0 and name = :name and next_run_at <= :now
  order by next_run_at, id limit 1 /*postgres for update skip locked */
)
update task_adhoc
set runner_id = :runner_id, run_id = :run_id, started_at = :now, hostname = :hostname, pid = :pid,
  attempts_left = attempts_left - 1, tries = tries + 1, first_started_at = coalesce(first_started_at, :now)
where id in (select id from due)
returning *
