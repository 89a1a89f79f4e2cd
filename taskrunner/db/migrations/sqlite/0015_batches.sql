-- Whether a claimed task waits behind another one that was claimed with it.
alter table task_adhoc add column behind integer not null default 0;
