-- Forget the cron processes of a log file.
delete from report_run where file_id = :file_id
