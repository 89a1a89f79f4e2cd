-- Note a moment under a name, unless one later than `after` is there that does not lie ahead.
insert into task_setting (name, value) values (:name, :value)
on conflict (name) do update set value = excluded.value
where cast(task_setting.value as double precision) <= :after
  or cast(task_setting.value as double precision) > :ahead
returning name
