-- How many crons each host has started: one that is lower than what the host noted tells of an older database.
alter table task_host add column crons integer not null default 0;
