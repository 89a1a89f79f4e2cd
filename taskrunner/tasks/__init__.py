"""Kinds of tasks that are ready to be subclassed: a command as a task."""

from taskrunner.tasks.shell import ShellTask

__all__ = ["ShellTask"]
