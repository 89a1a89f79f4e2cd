from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.config import Config, load_config
from taskrunner.errors import ConfigError


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Config]:
    """Load a taskrunner.toml of this text, with the environment given; the zone is UTC."""

    def load(text: str = "", **environ: str) -> Config:
        environ = {"TASKRUN_TIMEZONE": "UTC"} | environ
        (tmp_path / "taskrunner.toml").write_text(text, encoding="utf-8")
        return load_config(None, environ=environ, cwd=tmp_path)

    return load


@pytest.fixture
def refusal(load: Callable[..., Config]) -> Callable[..., str]:
    """Return the message with which this text, or this environment, is refused."""

    def refusal(text: str = "", **environ: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load(text, **environ)
        return str(caught.value)

    return refusal
