"""Sites with a clock of their own, on each database."""

from tests.runner.conftest import make_site as make_site
