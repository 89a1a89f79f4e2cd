"""The page of the coming week."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.web.admin.html import soft

if TYPE_CHECKING:
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response


def page(view: View) -> Response:
    """Show what starts in the coming week."""
    return view.page("Plan", soft("…"), under="/plan")
