-- Every scheduled task, which nobody else changes until this transaction ends.
select * from task_scheduled order by name /*postgres for update */
