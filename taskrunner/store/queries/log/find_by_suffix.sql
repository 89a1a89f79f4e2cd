-- Kept runs whose id ends so; two are enough to know that one is not. All ids are read.
select run_id from task_log where run_id like :suffix order by run_id limit 2
