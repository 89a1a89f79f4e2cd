-- Queue one task.
insert into task_adhoc (name, plugin, custom_data, "user", identity, created_at, next_run_at, attempts_left)
values (:name, :plugin, :custom_data, :user, :identity, :now, :next_run_at, :attempts_left)
returning id
