-- Forget a log file.
delete from report_file where id = :id
