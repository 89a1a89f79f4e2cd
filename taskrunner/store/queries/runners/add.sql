-- A process begins to run tasks.
insert into task_runner (id, hostname, pid, started_at, command, log_file)
values (:id, :hostname, :pid, :started_at, :command, :log_file)
