-- What was asked of an adhoc task while it ran: to run again at a moment, with so many attempts.
alter table task_adhoc add column requested_run_at real;
alter table task_adhoc add column requested_attempts integer;
