-- Hand out the first due task of a class, by priority; it goes to one runner only, and the attempt counts.
with high as (
  select id from task_adhoc where run_id is null and attempts_left > 0 and name = :name
    and priority <> 0 and priority > 0 and next_run_at <= :now
  order by priority desc, next_run_at, id limit 1 /*postgres for update skip locked */
), plain as (
  select id from task_adhoc where run_id is null and attempts_left > 0 and name = :name
    and priority = 0 and next_run_at <= :now
  order by next_run_at, id limit 1 /*postgres for update skip locked */
), low as (
  select id from task_adhoc where run_id is null and attempts_left > 0 and name = :name
    and priority <> 0 and priority < 0 and next_run_at <= :now
  order by priority desc, next_run_at, id limit 1 /*postgres for update skip locked */
), due as (
  select id from high union all select id from plain union all select id from low limit 1
)
update task_adhoc
set runner_id = :runner_id, run_id = :run_id, started_at = :now, hostname = :hostname, pid = :pid, behind = 0,
  attempts_left = attempts_left - 1, tries = tries + 1, first_started_at = coalesce(first_started_at, :now)
where id in (select id from due)
returning *
