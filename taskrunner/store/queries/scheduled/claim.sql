-- Hand out the longest overdue task; it goes to one runner only, and once in a phase.
with due as (
  select id from task_scheduled
  where run_id is null and disabled = 0 and blocked is null and next_run_at <= :now
    and (last_ended_at is null or last_ended_at < :phase_started_at or last_ended_at > :now)
    and /*sqlite instr */ /*postgres strpos */ (:unknown, ' ' || name || ' ') = 0
  order by next_run_at, id limit 1 /*postgres for update skip locked */
)
update task_scheduled
set runner_id = :runner_id, run_id = :run_id, started_at = :now, hostname = :hostname, pid = :pid
where id in (select id from due)
returning *
