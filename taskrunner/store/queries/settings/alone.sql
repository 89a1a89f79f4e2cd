-- Hold a lock of a name until the transaction ends; in SQLite one transaction writes at a time anyway.
select 1 as alone from task_setting /*postgres , pg_advisory_xact_lock(hashtext(value), hashtext(:what)) */
where name = 'instance_id' and :what <> ''
