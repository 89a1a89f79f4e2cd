-- Keep that no cron started on a host for long.
insert into task_cron_gap (hostname, began_at, ended_at) values (:hostname, :began_at, :ended_at)
