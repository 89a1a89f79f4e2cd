"""Sites of real processes, ended with the test."""

from tests.acceptance.conftest import site

__all__ = ["site"]
