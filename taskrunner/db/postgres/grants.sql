-- Roles that may be given to the users that programs log in as: grant ROLE to USER;
do $$ begin create role {owner} nologin; exception when duplicate_object then null; end $$;
do $$ begin create role {runner} nologin; exception when duplicate_object then null; end $$;
do $$ begin create role {producer} nologin; exception when duplicate_object then null; end $$;
do $$ begin create role {viewer} nologin; exception when duplicate_object then null; end $$;
do $$ begin create role {reader} nologin; exception when duplicate_object then null; end $$;
grant usage on schema {schema} to {owner}, {runner}, {producer}, {viewer},
  {reader};

-- owner: makes and upgrades the tables (taskrun db upgrade).
grant create on schema {schema} to {owner};
alter table {schema}.schema_version owner to {owner};
alter table {schema}.task_setting owner to {owner};
alter table {schema}.task_runner owner to {owner};
alter table {schema}.task_scheduled owner to {owner};
alter table {schema}.task_adhoc owner to {owner};
alter table {schema}.task_log owner to {owner};
alter table {schema}.task_audit owner to {owner};
alter table {schema}.report_file owner to {owner};
alter table {schema}.report_run owner to {owner};
alter table {schema}.report_task owner to {owner};
alter table {schema}.task_host owner to {owner};
alter table {schema}.task_cron_gap owner to {owner};
alter table {schema}.task_log_removed owner to {owner};
alter view {schema}.v_task_log owner to {owner};
alter view {schema}.v_task_running owner to {owner};
alter view {schema}.v_task_scheduled owner to {owner};
alter view {schema}.v_task_adhoc owner to {owner};
alter view {schema}.v_task_audit owner to {owner};
alter view {schema}.v_report_run owner to {owner};
alter view {schema}.v_report_task owner to {owner};
alter view {schema}.v_task_cron_gap owner to {owner};
alter function {schema}.task_adhoc_queued() owner to {owner};

-- runner: taskrun cron and the other commands.
grant select, insert, update, delete on {schema}.schema_version, {schema}.task_setting,
  {schema}.task_runner, {schema}.task_scheduled, {schema}.task_adhoc, {schema}.task_log,
  {schema}.task_audit, {schema}.report_file, {schema}.report_run, {schema}.report_task, {schema}.task_host,
  {schema}.task_cron_gap, {schema}.task_log_removed
  to {runner};
grant usage on sequence {schema}.task_scheduled_id_seq, {schema}.task_adhoc_id_seq,
  {schema}.task_log_id_seq, {schema}.task_audit_id_seq, {schema}.report_file_id_seq,
  {schema}.report_run_id_seq, {schema}.report_task_id_seq,
  {schema}.task_cron_gap_id_seq, {schema}.task_log_removed_id_seq to {runner};
grant select on {schema}.v_task_log, {schema}.v_task_running, {schema}.v_task_scheduled,
  {schema}.v_task_adhoc, {schema}.v_task_audit, {schema}.v_report_run, {schema}.v_report_task,
  {schema}.v_task_cron_gap to {runner};

-- producer: a program that queues adhoc tasks; which code they run is for the plugins to say.
grant select on {schema}.schema_version, {schema}.task_setting, {schema}.task_adhoc to {producer};
grant insert (id, name, plugin, custom_data, "user", identity, once, created_at, next_run_at, attempts_left)
  on {schema}.task_adhoc to {producer};
grant update (next_run_at, attempts_left, tries, fail_delay, failures, failing_since, requested_run_at,
  requested_attempts) on {schema}.task_adhoc to {producer};
grant usage on sequence {schema}.task_adhoc_id_seq to {producer};

-- viewer: looks at everything, as `taskrun web --read-only` does, and changes nothing.
grant select on {schema}.schema_version, {schema}.task_setting, {schema}.task_runner,
  {schema}.task_scheduled, {schema}.task_adhoc, {schema}.task_log, {schema}.task_audit,
  {schema}.report_file, {schema}.report_run, {schema}.report_task, {schema}.task_host,
  {schema}.task_cron_gap, {schema}.v_task_log, {schema}.v_task_running, {schema}.v_task_scheduled,
  {schema}.v_task_adhoc, {schema}.v_task_audit, {schema}.v_report_run, {schema}.v_report_task,
  {schema}.v_task_cron_gap to {viewer};

-- reader: the views, which show neither custom data nor output.
grant select on {schema}.v_task_log, {schema}.v_task_running, {schema}.v_task_scheduled,
  {schema}.v_task_adhoc, {schema}.v_task_audit, {schema}.v_report_run, {schema}.v_report_task,
  {schema}.v_task_cron_gap to {reader};
