-- Runs that were found in log files, oldest first, a page at a time: what counting them takes.
select type, name, adhoc_id, started_at, ended_at, end_known as end_known, outcome, hostname,
  case when outcome in ('failed', 'crashed', 'timeout') then message else '' end as message,
  message_key as message_key, id
from report_task
where (started_at, id) > (:after, :after_id) and started_at < :until and (:name = '' or name = :name)
order by started_at, id limit :limit
