-- How often in a row a task was interrupted without being charged for it.
alter table task_scheduled add column interruptions integer not null default 0;
alter table task_adhoc add column interruptions integer not null default 0;
