-- Write what the plugin, the administrator and the config make of a task; its state stays.
insert into task_scheduled (name, plugin, title, schedule, timezone, default_schedule, own_schedule, disabled,
  default_disabled, own_disabled, customised, blocked, next_run_at)
values (:name, :plugin, :title, :schedule, :timezone, :default_schedule, :own_schedule, :disabled,
  :default_disabled, :own_disabled, :customised, :blocked, :next_run_at)
on conflict (name) do update set plugin = excluded.plugin, title = excluded.title,
  schedule = excluded.schedule, timezone = excluded.timezone, default_schedule = excluded.default_schedule,
  own_schedule = excluded.own_schedule, disabled = excluded.disabled,
  default_disabled = excluded.default_disabled, own_disabled = excluded.own_disabled,
  customised = excluded.customised, blocked = excluded.blocked, next_run_at = excluded.next_run_at
