"""What is shown: for each listing one list of columns, for tables, JSON and CSV; nothing is printed."""
