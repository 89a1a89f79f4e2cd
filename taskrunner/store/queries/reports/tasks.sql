-- Runs that were found in log files, oldest first, a page at a time.
select type, name, title, adhoc_id, run_id, started_at, ended_at, end_known,
  ended_before, outcome, message, message_key, confidence, time_source, hostname, pid, db_queries,
  memory_start, memory_peak, fatal, last_lines, line, run_number, path, report_task.id
from report_task join report_file on report_file.id = file_id
where (started_at, report_task.id) > (:after, :after_id) and started_at < :until
  and (:name = '' or name = :name)
order by started_at, report_task.id limit :limit
