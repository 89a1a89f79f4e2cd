-- Cron processes, oldest first, a page at a time.
select report_run.id, number, line, started_at, ended_at, state, time_source, hostname, pid, last_line, path
from report_run join report_file on report_file.id = file_id
where (started_at, report_run.id) > (:after, :after_id) and started_at < :until
order by started_at, report_run.id limit :limit
