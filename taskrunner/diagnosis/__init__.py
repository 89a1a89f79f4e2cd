"""What is wrong with an installation or a task, found out and explained; nothing is changed."""
