-- One scheduled task, which nobody else changes until this transaction ends.
select * from task_scheduled where name = :name /*postgres for update */
