-- The first and the last id of the runs that started in a time.
select min(id) as first, max(id) as last from report_task where started_at >= :since and started_at < :until
