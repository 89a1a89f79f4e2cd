-- Make the counter of ids where none was given yet, so that it can be moved on.
/*sqlite insert into sqlite_sequence (name, seq) select 'task_adhoc', 0
where not exists (select 1 from sqlite_sequence where name = 'task_adhoc') */
/*postgres select 1 as id where false */
