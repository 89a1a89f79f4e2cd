-- The oldest task that was claimed and could not be loaded, before any try of it, and how many there are.
select id, name, last_message, count(*) over () as total from task_adhoc
where run_id is null and attempts_left > 0 and tries = 0 and interruptions = 0 and last_message is not null
order by id limit 1
