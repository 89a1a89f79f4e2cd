-- When no cron started for long, in the order in which that ended.
select hostname, began_at, ended_at from task_cron_gap
where ended_at >= :since and began_at < :until order by ended_at, id
