-- Hand out the oldest due tasks of a class together, none if one goes first; one that is not new goes alone.
with due as (select id, next_run_at,
    case when tries + interruptions + once = 0 and attempts_left > 1 then 1 else 0 end as is_new
  from task_adhoc where run_id is null and attempts_left > 0 and name = :name and priority = 0
    and next_run_at <= :now and not exists (select 1 from task_adhoc where run_id is null
      and attempts_left > 0 and name = :name and priority <> 0 and priority > 0 and next_run_at <= :now)
  order by next_run_at, id limit :limit /*postgres for update skip locked */
), taken as (select id, cast(row_number() over (order by next_run_at, id) as integer) - 1 as place,
  min(is_new) over (order by next_run_at, id) as are_new from due)
update task_adhoc set run_id = /*postgres cast( */ :run_ids /*postgres as json) */ ->> place,
  runner_id = :runner_id, started_at = :now, hostname = :hostname, pid = :pid, tries = tries + 1,
  behind = case when place = 0 then 0 else 1 end, attempts_left = attempts_left - 1,
  first_started_at = coalesce(first_started_at, :now)
from taken where task_adhoc.id = taken.id and (place = 0 or are_new = 1)
returning /*postgres task_adhoc. */ *
