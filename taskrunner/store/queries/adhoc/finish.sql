-- A task is done: its row goes; no row when the run is not the task's any more.
delete from task_adhoc where run_id = :run_id
returning id
