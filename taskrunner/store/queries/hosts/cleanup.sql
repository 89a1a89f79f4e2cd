-- Forget the hosts that have started no cron since a moment.
delete from task_host where last_cron_at < :before
returning hostname
