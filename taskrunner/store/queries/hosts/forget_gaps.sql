-- Forget when no cron started, before a moment.
delete from task_cron_gap where ended_at < :before
