"""Sites without cron: visits start `taskrun cron`, and no visitor waits for it. Standard library only.

app = TickMiddleware(app, config="/srv/site/taskrunner.toml")     # and app.tick_tag() in the page's template

The tag is an image of the site's own: a Content-Security-Policy has to have `img-src 'self'` for it.
"""

from taskrunner.web.asgi import AsgiTickMiddleware
from taskrunner.web.standalone import tick_app, tick_tag
from taskrunner.web.wsgi import TickMiddleware

__all__ = ["AsgiTickMiddleware", "TickMiddleware", "tick_app", "tick_tag"]
