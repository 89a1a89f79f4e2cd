-- Give a queued task another name; it stays the only one of its kind unless another one is already.
update task_adhoc set name = :new, plugin = :plugin, identity = :identity,
  once = case when exists (
    select 1 from task_adhoc other where other.identity = :identity and other.once = 1 and other.id <> :id
  ) then 0 else once end
where id = :id and run_id is null
