-- How far the running task has come.
update task_runner set progress_done = :done, progress_total = :total, progress_text = :text where id = :id
