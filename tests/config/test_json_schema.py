"""The JSON schema of taskrunner.toml: it takes what the program takes, and refuses what it refuses."""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from taskrunner.cli.init import config_text
from taskrunner.config.json_schema import json_schema
from taskrunner.config.schema import Config, all_settings

PAGE = Path(__file__).parents[2] / "docs" / "config.md"
EXAMPLES = [*re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL), config_text(task="a.B")]


def problems(text: str) -> list[str]:
    validator = jsonschema.Draft7Validator(json_schema())
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", EXAMPLES)
def test_it_takes_what_the_page_on_the_configuration_shows(text: str) -> None:
    assert [] == problems(text)


def test_it_knows_every_setting() -> None:
    def known(keys: tuple[str, ...]) -> bool:
        schema: Any = json_schema()
        for key in keys:
            schema = schema.get("properties", {}).get(key, {})
        return bool(schema)

    assert [] == [keys for keys in all_settings(Config) if not known(keys)]


@pytest.mark.parametrize(
    "text",
    [
        "keep_alive = 5",
        "[cron]\nkeep_alive = 901",
        "[cron]\nkeep_alive = true",
        '[cron]\nstdout = "some"',
        '[tasks."a.B"]\ntimeuot = 5',
        "[plugins]\ninstalled = 5",
        "[plugins.forum]\nenabled = 'yes'",
        "[notify]\nping = { style = 'plain' }",
        "[run]\nenvironment = { A = 5 }",
    ],
)
def test_it_refuses_what_the_program_refuses(text: str) -> None:
    assert len(problems(text)) == 1
