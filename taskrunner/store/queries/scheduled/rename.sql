-- Give a task that is not running another name; its state stays.
update task_scheduled set name = :new, plugin = :plugin where name = :old and run_id is null
returning name
