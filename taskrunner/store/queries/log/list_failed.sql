-- Kept runs of all tasks that failed, newest first.
select run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome, message,
  '' as output, log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid, noticed_at,
  id
from task_log
where (outcome = 'failed' or outcome = 'crashed' or outcome = 'timeout')
  and started_at >= :since and started_at <= :until
  and (started_at, id) < (:until, :until_id)
  and case when :type not in ('', type) or :plugin not in ('', plugin) or :hostname not in ('', hostname)
    or :user not in ('', coalesce("user", '')) or :adhoc_id not in (cast(0 as bigint), coalesce(adhoc_id, 0))
    or :outcome not in ('', outcome) then false else true end
  and case when ended_at - started_at < :min_duration or ended_at - started_at > :max_duration then false
    else true end
  and case when :grep = '' or output /*sqlite like */ /*postgres ilike */ :grep escape '\'
    or message /*sqlite like */ /*postgres ilike */ :grep escape '\'
    then true else false end
order by started_at desc, id desc limit :limit
