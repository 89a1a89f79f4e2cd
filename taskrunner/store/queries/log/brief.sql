-- Runs that are kept, oldest first, a page at a time: what counting them takes.
select type, name, adhoc_id, started_at, ended_at,
  case when outcome = 'crashed' then 0 else 1 end as end_known, outcome, hostname,
  case when outcome in ('failed', 'crashed', 'timeout') then substr(message, 1, 1000) else '' end as message,
  '' as message_key, id
from task_log
where (started_at, id) > (:after, :after_id) and started_at < :until and (:name = '' or name = :name)
order by started_at, id limit :limit
