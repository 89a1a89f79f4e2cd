-- Remember a value under a name.
insert into task_setting (name, value) values (:name, :value)
on conflict (name) do update set value = excluded.value
