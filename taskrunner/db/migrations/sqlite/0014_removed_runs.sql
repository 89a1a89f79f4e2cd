-- How many runs of a task ended how and are no longer kept: with those that are, all that there ever were.
create table task_log_removed (
  id integer primary key,
  name text not null,
  outcome text not null,
  runs integer not null,
  unique (name, outcome)
);
