-- Count the runs of a task that are no longer kept under another name, with those that this name has.
insert into task_log_removed (name, outcome, runs)
select :new, outcome, runs from task_log_removed where name = :old
on conflict (name, outcome) do update set runs = task_log_removed.runs + excluded.runs
