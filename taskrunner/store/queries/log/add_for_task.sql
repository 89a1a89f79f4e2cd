-- Keep a run of an adhoc task that is still its own; no row when another run has the task, or it is gone.
insert into task_log (run_id, type, name, plugin, adhoc_id, "user", due_at, started_at, ended_at, outcome,
  message, output, log_file, db_reads, db_writes, cpu_seconds, max_rss, attempt, hostname, pid,
  noticed_at)
select :run_id, :type, :name, :plugin, :adhoc_id, :user, :due_at, :started_at, :ended_at, :outcome,
  :message, :output, :log_file, :db_reads, :db_writes, :cpu_seconds, :max_rss, :attempt, :hostname, :pid,
  :noticed_at
from task_adhoc where run_id = :run_id /*postgres for update */
returning run_id
