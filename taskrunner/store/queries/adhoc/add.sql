-- Queue tasks: each element of `rows` is [name, plugin, custom data, user, identity, next run, attempts].
insert into task_adhoc (name, plugin, custom_data, "user", identity, created_at, next_run_at, attempts_left)
select
  /*sqlite value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, :now, value ->> 5, value ->> 6
  from json_each(:rows) */
  /*postgres value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, :now,
    cast(value ->> 5 as double precision), cast(value ->> 6 as integer)
  from jsonb_array_elements(cast(:rows as jsonb)) */
returning id
