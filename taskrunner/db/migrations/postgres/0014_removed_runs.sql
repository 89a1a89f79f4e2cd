-- How many runs of a task ended how and are no longer kept: with those that are, all that there ever were.
create table task_log_removed (
  id bigint generated always as identity primary key,
  name text collate "C" not null,
  outcome text collate "C" not null,
  runs bigint not null,
  unique (name, outcome)
);
