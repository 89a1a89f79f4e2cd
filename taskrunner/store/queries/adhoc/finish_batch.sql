-- Remove tasks that are done, but for those that were asked to run again, or that another run has by now.
delete from task_adhoc
where /*sqlite run_id in (select value from json_each(:run_ids)) */
  /*postgres run_id = any (cast(translate(:run_ids, '[]', '{}') as text[])) */
  and requested_run_at is null
returning run_id
