-- The oldest task of an identity.
select * from task_adhoc where identity = :identity order by id limit 1
