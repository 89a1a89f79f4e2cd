-- The order in which the due tasks of one class are run: the highest first, then the oldest.
alter table task_adhoc add column priority integer not null default 0;
create index task_adhoc_priority on task_adhoc (name, priority desc, next_run_at, id)
  where run_id is null and attempts_left > 0 and priority <> 0;
