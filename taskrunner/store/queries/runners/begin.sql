-- A process begins a run that no table of tasks has.
update task_runner set run_id = :run_id, run_name = :name, run_started_at = :started_at where id = :id
