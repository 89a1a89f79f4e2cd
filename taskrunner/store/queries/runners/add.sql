-- A process begins to run tasks, by the clock of its host, which may differ from that of the database.
insert into task_runner (id, hostname, pid, started_at, command, log_file, clock_ahead)
values (:id, :hostname, :pid, :started_at, :command, :log_file,
  /*sqlite 0.0 */ /*postgres cast(:started_at as double precision) - extract(epoch from clock_timestamp()) */)
