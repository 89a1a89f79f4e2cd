-- Let one process at a time do a thing, until its transaction ends; SQLite's transactions are alone anyway.
select 1 as alone from task_setting /*postgres , pg_advisory_xact_lock(hashtext(value), hashtext(:what)) */
where name = 'instance_id' and :what <> ''
