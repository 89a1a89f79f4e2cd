-- A process runs no tasks any more.
delete from task_runner where id = :id
