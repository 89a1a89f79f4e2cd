-- Count runs of a task that ended in a way and are no longer kept.
insert into task_log_removed (name, outcome, runs) values (:name, :outcome, :runs)
on conflict (name, outcome) do update set runs = task_log_removed.runs + excluded.runs
