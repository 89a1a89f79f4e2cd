-- Queue a task unless the same one is queued already; then no row comes back.
insert into task_adhoc (name, plugin, custom_data, "user", identity, once, created_at, next_run_at,
  attempts_left)
select :name, :plugin, :custom_data, :user, :identity, 1, :now, :next_run_at, :attempts_left
where not exists (select 1 from task_adhoc where identity = :identity)
on conflict (identity) where once = 1 do nothing
returning id
