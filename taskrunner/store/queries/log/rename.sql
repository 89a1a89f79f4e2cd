-- Let the kept runs of a task be those of another name.
update task_log set name = :new, plugin = :plugin where name = :old
