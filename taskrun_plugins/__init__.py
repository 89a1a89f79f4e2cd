"""The plugins of a site, for every Python that tasks start: `from taskrun_plugins.forum import Mail`.

The site is the one of $TASKRUN_CONFIG, which every command sets, or that `taskrun` would find.
"""

from taskrunner.plugins.namespace import find_plugins_of_site

find_plugins_of_site()
