-- Note that a cron starts on a host, how many that makes, how long after the last, and how its clock is.
insert into task_host (hostname, last_cron_at, crons, clock_ahead)
values (:hostname, :now, 1,
  /*sqlite 0.0 */ /*postgres cast(:now as double precision) - extract(epoch from clock_timestamp()) */)
on conflict (hostname) do update set cron_interval = excluded.last_cron_at - task_host.last_cron_at,
  last_cron_at = excluded.last_cron_at, clock_ahead = excluded.clock_ahead, crons = task_host.crons + 1
returning crons
