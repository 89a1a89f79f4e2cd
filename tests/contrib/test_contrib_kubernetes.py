"""The manifest for Kubernetes, as far as it can be read: no cluster runs here."""

from typing import Any

import yaml

from taskrunner.config import load_config
from tests.contrib.example_site import CONTRIB
from tests.contrib.taskrun_lines import text_of

MANIFEST = "kubernetes/cronjob.yaml"


def documents() -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all(text_of(MANIFEST))}


def pod() -> dict[str, Any]:
    found: dict[str, Any] = documents()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


def test_it_starts_what_a_crontab_line_would_and_one_at_a_time() -> None:
    job = documents()["CronJob"]["spec"]

    assert (job["schedule"], job["concurrencyPolicy"]) == ("* * * * *", "Forbid")
    [container] = pod()["containers"]
    assert container["command"] == ["taskrun", "cron"]
    assert (pod()["restartPolicy"], pod()["hostname"]) == ("Never", "taskrun")


def test_its_variables_are_settings() -> None:
    [container] = pod()["containers"]
    given = {one["name"]: one.get("value", "postgresql://taskrun@db/taskrun") for one in container["env"]}

    config = load_config(CONTRIB / "example" / "taskrunner.toml", environ=given, cwd="/")

    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert {str(config.state_dir.parent), str(config.log_dir.parent)} <= mounted
    assert config.database == "postgresql://taskrun@db/taskrun"


def test_the_user_is_that_of_the_image_and_its_volume_is_there() -> None:
    assert f"USER {pod()['securityContext']['runAsUser']}\n" in text_of("docker/Dockerfile")
    claims = [one["persistentVolumeClaim"]["claimName"] for one in pod()["volumes"] if "emptyDir" not in one]
    assert [documents()["PersistentVolumeClaim"]["metadata"]["name"]] == claims
