-- How the cron processes of a log file ended.
select state, count(*) as number from report_run where file_id = :file_id group by state
