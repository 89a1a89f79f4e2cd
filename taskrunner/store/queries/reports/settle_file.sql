-- Note that a log file was read to its end, and whether it has to be read again.
update report_file set settled = :settled where id = :id
