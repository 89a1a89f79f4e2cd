-- Kept runs that crashed, oldest first, a page at a time, with the last of their output.
select type, name, name as title, adhoc_id, run_id, started_at, ended_at, 0 as end_known,
  cast(null as /*sqlite real */ /*postgres double precision */) as ended_before, outcome,
  coalesce(message, '') as message, '' as message_key, 'high' as confidence, 'database' as time_source,
  hostname, pid, db_reads + db_writes as db_queries,
  null as memory_start, max_rss as memory_peak, '' as fatal,
  case when length(output) > 2000 then substr(output, length(output) - 1999) else output end as last_lines,
  0 as line, 0 as run_number, coalesce(log_file, '') as path, id
from task_log
where (started_at, id) > (:after, :after_id) and started_at < :until and (:name = '' or name = :name)
  and outcome = 'crashed'
order by started_at, id limit :limit
