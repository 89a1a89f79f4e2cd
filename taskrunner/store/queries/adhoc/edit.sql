-- Give a task that is not running other custom data, and the dedupe key of that.
update task_adhoc set custom_data = :custom_data, identity = :identity
where id = :id and run_id is null
returning id
