-- Keep a run of a log file.
insert into report_task (file_id, run_number, line, type, name, title, adhoc_id, run_id, started_at, ended_at,
  end_known, ended_before, outcome, message, message_key, confidence, time_source, hostname, pid, db_queries,
  memory_start, memory_peak, fatal, last_lines)
values (:file_id, :run_number, :line, :type, :name, :title, :adhoc_id, :run_id, :started_at, :ended_at,
  :end_known, :ended_before, :outcome, :message, :message_key, :confidence, :time_source, :hostname, :pid,
  :db_queries, :memory_start, :memory_peak, :fatal, :last_lines)
