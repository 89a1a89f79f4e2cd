-- How often a task ran, in a time.
select count(*) as runs from task_log where name = :name and started_at >= :since and started_at < :until
