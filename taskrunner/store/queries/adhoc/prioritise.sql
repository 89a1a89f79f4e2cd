-- Give a queued task its place among those of its class.
update task_adhoc set priority = :priority where id = :id
