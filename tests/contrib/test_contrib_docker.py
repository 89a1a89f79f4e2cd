"""The container, as far as it can be read: no engine runs here. `make contrib` has hadolint look at it."""

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from taskrunner.config import load_config
from tests.contrib.example_site import CONTRIB
from tests.contrib.taskrun_lines import text_of
from tests.packaging.building import CHECKOUT, build_wheel, copy_of_the_checkout

DOCKERFILE = "docker/Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines as one, without comments."""
    text = re.sub(r"(?m)^#.*\n", "", text_of(DOCKERFILE)).replace("\\\n", " ")
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines()) if name
    ]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of("docker/compose.yaml"))
    return found


def cron_service() -> dict[str, Any]:
    service: dict[str, Any] = compose()["services"]["cron"]
    return service


def sent_to_the_builder() -> list[str]:
    """Return what the ignore file lets through: all is ignored but the lines with `!`."""
    first, *rest = [
        line for line in text_of("docker/Dockerfile.dockerignore").splitlines() if line[:1] != "#"
    ]
    assert (first, rest[-1]) == ("*", "**/__pycache__")
    assert {"!"} == {line[0] for line in rest[:-1]}
    return [line[1:] for line in rest[:-1]]


def test_the_dockerfile_has_no_instruction_but_known_ones() -> None:
    names = [name for name, _ in instructions()]

    assert {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "HEALTHCHECK", "CMD"} == set(names)


def test_what_is_copied_into_the_image_is_there_and_is_sent_to_the_builder() -> None:
    copied = [rest.split() for name, rest in instructions() if name == "COPY"]
    sources = [word for words in copied for word in words[:-1] if not word.startswith("--") and word != "."]

    assert ["contrib/docker/every-minute"] == sources
    assert set(sources) <= set(sent_to_the_builder())


def test_the_wheel_that_the_image_gets_is_the_one_of_the_checkout(tmp_path: Path) -> None:
    for name in sent_to_the_builder():
        source, target = CHECKOUT / name, tmp_path / "context" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)

    in_image = build_wheel(tmp_path / "context", tmp_path / "image")
    of_checkout = build_wheel(copy_of_the_checkout(tmp_path / "tree"), tmp_path / "checkout")

    assert of_checkout.read_bytes() == in_image.read_bytes()


def test_the_container_is_not_root_and_knows_whether_it_is_well() -> None:
    said = dict(instructions())

    assert said["USER"].isdigit() and f"--uid {said['USER']} " in dict(instructions())["RUN"]
    assert said["HEALTHCHECK"].endswith('CMD ["sh", "-c", "taskrun check; [ $? -lt 2 ]"]')
    assert '["every-minute"]' == said["CMD"]


def test_the_environment_of_the_image_is_one_that_taskrun_takes(tmp_path: Path) -> None:
    pairs = re.findall(r"(\w+)=(\S+)", dict(instructions())["ENV"])
    asked = cron_service()["environment"]
    environ = {**dict(pairs), "TASKRUN_DATABASE": asked["TASKRUN_DATABASE"]}
    (tmp_path / "taskrunner.toml").write_text("", "utf-8")
    environ.pop("TASKRUN_CONFIG")

    config = load_config(None, environ=environ, cwd=tmp_path)

    assert ("failures", "UTC") == (config.cron.stdout, config.timezone)
    assert "postgresql://taskrun@database/taskrun" == config.database


def test_compose_builds_from_the_folder_that_the_dockerfile_copies_from() -> None:
    folder = CONTRIB / "docker"
    described = cron_service()["build"]

    assert CHECKOUT == (folder / described["context"]).resolve()
    assert (CHECKOUT / described["dockerfile"]).samefile(folder / "Dockerfile")


def test_compose_waits_for_the_database_and_gives_tasks_their_minute() -> None:
    services = compose()["services"]
    [grace] = re.findall(r"GRACE:-(\d+)", text_of("docker/every-minute"))

    assert {"database": {"condition": "service_healthy"}} == services["cron"]["depends_on"]
    assert services["database"]["healthcheck"]["test"]
    assert int(grace) < int(services["cron"]["stop_grace_period"].removesuffix("s"))


def test_the_commands_of_the_page_are_those_of_the_files() -> None:
    page = (CHECKOUT / "docs" / "containers.md").read_text("utf-8")
    shown = "\n".join(re.findall(r"(?s)```sh\n(.*?)```", page)).splitlines()
    files = ("docker/Dockerfile", "docker/compose.yaml", "kubernetes/cronjob.yaml")
    known = {line.lstrip("# ") for name in files for line in text_of(name).splitlines() if line[:1] == "#"}

    assert [] == [line for line in shown if line and line not in known]


def test_no_password_stands_in_compose() -> None:
    passwords = {
        value
        for service in compose()["services"].values()
        for name, value in service["environment"].items()
        if "PASSWORD" in name
    }

    assert {"${POSTGRES_PASSWORD:?put it into contrib/docker/.env}"} == passwords


def test_every_volume_that_is_used_is_declared_and_kept() -> None:
    used = {
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service["volumes"]
    }

    assert set(compose()["volumes"]) == used
    kept = re.findall(r'"([^"]+)"', dict(instructions())["VOLUME"])
    assert {volume.partition(":")[2] for volume in cron_service()["volumes"]} == set(kept)
