-- Keep a cron process of a log file.
insert into report_run (file_id, number, line, started_at, ended_at, state, time_source, hostname, pid,
  last_line)
values (:file_id, :number, :line, :started_at, :ended_at, :state, :time_source, :hostname, :pid, :last_line)
