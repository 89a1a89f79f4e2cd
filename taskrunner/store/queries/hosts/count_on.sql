-- Count the crons of a host from a higher number on: an older database does not know of all.
insert into task_host (hostname, last_cron_at, crons, clock_ahead) values (:hostname, :now, :crons, 0.0)
on conflict (hostname) do update set crons = excluded.crons where task_host.crons < excluded.crons
