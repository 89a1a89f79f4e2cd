-- How the runs of a log file ended.
select outcome, count(*) as number from report_task where file_id = :file_id group by outcome
