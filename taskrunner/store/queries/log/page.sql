-- Kept runs as reports want them, oldest first, a page at a time; of crashed ones the last of the output.
select type, name, name as title, adhoc_id, run_id, started_at, ended_at, outcome,
  coalesce(message, '') as message, '' as message_key, 'high' as confidence, 'database' as time_source,
  hostname, pid, db_reads + db_writes as db_queries,
  null as memory_start, max_rss as memory_peak, '' as fatal,
  case when outcome not in ('crashed', 'timeout') then ''
    when length(output) > 2000 then substr(output, length(output) - 1999) else output end as last_lines,
  0 as line, 0 as run_number, coalesce(log_file, '') as path, id
from task_log
where (started_at, id) > (:after, :after_id) and started_at < :until and (:name = '' or name = :name)
order by started_at, id limit :limit
