-- Keep a run.
insert into task_log (run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome,
  message, output, log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid,
  noticed_at)
values (:run_id, :type, :name, :plugin, :adhoc_id, :user, :due_at, :started_at, :ended_at, :outcome,
  :message, :output, :log_file, :db_reads, :db_writes, :cpu_seconds, :max_rss, :attempt, :hostname, :pid,
  :noticed_at)
