from pathlib import Path

import pytest

from taskrunner.config import find as search
from taskrunner.config import load_config
from taskrunner.config.find import SYSTEM_FILE
from taskrunner.errors import ConfigError


def find_file(named: Path | None, *, environ: dict[str, str], cwd: Path) -> tuple[str, Path]:
    name, path = search.find_file(named, environ=environ, cwd=cwd)
    return name, Path(path)


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")
    return path


def test_the_named_file_comes_before_every_other(tmp_path: Path) -> None:
    make(tmp_path / "taskrunner.toml")
    named = make(tmp_path / "site/named.toml")
    environ = {"TASKRUN_CONFIG": str(make(tmp_path / "variable.toml"))}

    assert ("site/named.toml", named) == find_file(Path("site/named.toml"), environ=environ, cwd=tmp_path)


def test_the_variable_comes_before_the_current_directory(tmp_path: Path) -> None:
    make(tmp_path / "taskrunner.toml")
    environ = {"TASKRUN_CONFIG": "variable.toml"}

    assert ("variable.toml", tmp_path / "variable.toml") == find_file(None, environ=environ, cwd=tmp_path)


def test_the_variable_may_start_at_home(tmp_path: Path) -> None:
    environ = {"TASKRUN_CONFIG": "~/cron.toml", "HOME": "/home/ann"}

    assert ("~/cron.toml", Path("/home/ann/cron.toml")) == find_file(None, environ=environ, cwd=tmp_path)


def test_an_empty_variable_names_no_file(tmp_path: Path) -> None:
    here = make(tmp_path / "taskrunner.toml")

    assert ("taskrunner.toml", here) == find_file(None, environ={"TASKRUN_CONFIG": ""}, cwd=tmp_path)


def test_the_current_directory_comes_before_the_user(tmp_path: Path) -> None:
    here = make(tmp_path / "site/taskrunner.toml")
    make(tmp_path / "xdg/taskrunner/taskrunner.toml")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}

    assert ("taskrunner.toml", here) == find_file(None, environ=environ, cwd=tmp_path / "site")


def test_the_user_has_a_file_under_xdg_config_home(tmp_path: Path) -> None:
    mine = make(tmp_path / "xdg/taskrunner/taskrunner.toml")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": "/nowhere"}

    assert (str(mine), mine) == find_file(None, environ=environ, cwd=tmp_path / "site")


def test_without_xdg_config_home_it_is_below_home(tmp_path: Path) -> None:
    mine = make(tmp_path / ".config/taskrunner/taskrunner.toml")

    assert (str(mine), mine) == find_file(None, environ={"HOME": str(tmp_path)}, cwd=tmp_path / "site")


def test_a_link_that_leads_nowhere_is_found_and_not_passed_over(tmp_path: Path) -> None:
    here = tmp_path / "taskrunner.toml"
    here.symlink_to(tmp_path / "missing.toml")

    assert ("taskrunner.toml", here) == find_file(None, environ={}, cwd=tmp_path)


def test_no_file_anywhere_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_file(None, environ={"HOME": "/nowhere"}, cwd=tmp_path)

    looked_at = f"{tmp_path}/taskrunner.toml, /nowhere/.config/taskrunner/taskrunner.toml, {SYSTEM_FILE}"
    assert f"no configuration found; looked at: {looked_at}" == str(caught.value)
    expected = "taskrun init"
    assert expected == caught.value.hint


def test_paths_start_beside_the_name_that_was_given_not_beside_what_a_link_above_it_leads_to(
    tmp_path: Path,
) -> None:
    make(tmp_path / "elsewhere/taskrunner.toml").write_text('timezone = "UTC"', encoding="utf-8")
    (tmp_path / "site").symlink_to(tmp_path / "elsewhere")

    config = load_config(tmp_path / "site/taskrunner.toml", environ={}, cwd=tmp_path)

    assert tmp_path / "site/taskrunner.toml" == config.file
    assert tmp_path / "site/log" == config.log_dir
