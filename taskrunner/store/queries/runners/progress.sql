-- How far the running task of a process has come.
update task_runner
set progress_run_id = :run_id, progress_done = :done, progress_total = :total, progress_text = :text,
  progress_at = :now
where id = :id
