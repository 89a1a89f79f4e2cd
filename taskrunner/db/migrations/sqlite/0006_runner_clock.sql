-- By how many seconds the clock of a runner's host was ahead of the database's when the runner started.
alter table task_runner add column clock_ahead real not null default 0;
