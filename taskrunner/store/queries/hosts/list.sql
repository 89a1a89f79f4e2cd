-- The hosts that start crons, by name.
select * from task_host order by hostname
