-- What is queued of a class, by id, page by page.
select id, custom_data, "user" from task_adhoc where name = :name and id > :after order by id limit :limit
