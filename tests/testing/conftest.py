"""A site for the real program."""

from tests.cli.conftest import site as site
