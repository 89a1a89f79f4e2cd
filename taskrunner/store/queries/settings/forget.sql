-- Forget the values of a JSON array of names.
delete from task_setting where name in (
  select /*sqlite value from json_each(:names) */
    /*postgres jsonb_array_elements_text(cast(:names as jsonb)) */
)
