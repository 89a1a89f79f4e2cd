-- The log files that taskrunner itself wrote: its runs have ids.
select path from report_file
where exists (select 1 from report_task where file_id = report_file.id and run_id <> '')
