-- Keep a task from being run, and say why.
update task_scheduled set blocked = :reason where name = :name
