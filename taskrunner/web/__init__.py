"""Sites without cron: visits start `taskrun cron`, and no visitor waits for it. Standard library only.

app = TickMiddleware(app, config="/srv/site/taskrunner.toml")     # and app.tick_tag() in the page's template

The tag is an image of the site's own: a Content-Security-Policy has to have `img-src 'self'` for it.
And the administration in a browser: `admin_app`, which is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from taskrunner.web.asgi import AsgiTickMiddleware
from taskrunner.web.standalone import tick_app, tick_tag
from taskrunner.web.wsgi import TickMiddleware

if TYPE_CHECKING:
    from taskrunner.web.admin import admin_app

__all__ = ["AsgiTickMiddleware", "TickMiddleware", "admin_app", "tick_app", "tick_tag"]


def __getattr__(name: str) -> object:
    if name != "admin_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from taskrunner.web.admin import admin_app

    return admin_app
