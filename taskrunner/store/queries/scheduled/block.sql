-- Keep a task from being run, and note the reason.
update task_scheduled set blocked = :reason where name = :name
