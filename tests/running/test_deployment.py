"""The files that deploy the server: well-formed, and true of the server as it is."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live import LiveServer
from tests.running.conftest import get
from xapi_async.config import load
from xapi_async.server import SECTIONS

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DASHBOARD = DOCKER / "grafana/dashboards/xapi-async.json"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    lines = [line for line in (DOCKER / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def environment() -> dict[str, str]:
    """The variables that the image sets."""
    (text,) = (rest for word, rest in instructions() if word == "ENV")
    return dict(re.findall(r"(\w+)=(\S+)", text))


def settings_of(variables: dict[str, str]) -> Any:
    return load(SECTIONS, environment={name: str(value) for name, value in variables.items() if name[:5] == "XAPI_"})


def test_the_image_is_built_from_what_is_there() -> None:
    said = instructions()
    assert {word for word, _ in said} <= {
        "ARG", "FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL",
        "HEALTHCHECK", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    for word, rest in said:
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    kept = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    for name in ("pyproject.toml", "README.md", "src", "docker/healthcheck.py"):
        assert f"!{name}" in kept
    (user,) = (rest for word, rest in said if word == "USER")
    assert user == "10001"


def test_the_ports_of_the_image_are_those_of_its_settings(compose: dict[str, Any], kubernetes: dict[str, Any]) -> None:
    server = settings_of(environment()).sections["server"]
    ports = {address.rpartition(":")[2] for address in (*server.listen, *server.tls_listen)}
    (exposed,) = (rest for word, rest in instructions() if word == "EXPOSE")
    assert set(exposed.split()) == ports
    assert {port.rpartition(":")[2] for port in compose["services"]["server"]["ports"]} == ports
    (container,) = kubernetes["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert {str(port["containerPort"]) for port in container["ports"]} == ports
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in kubernetes["Service"]["spec"]["ports"]} == names
    assert server.database.startswith(next(rest for word, rest in instructions() if word == "VOLUME"))


def test_every_variable_is_a_setting(compose: dict[str, Any], kubernetes: dict[str, Any]) -> None:
    settings_of(environment() | compose["services"]["server"]["environment"])
    (container,) = kubernetes["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable.get("value", "x") for variable in container["env"]}
    config = settings_of(environment() | given)
    needed = config.sections["server"].drain_delay_seconds + config.sections["wire"].shutdown_seconds
    assert kubernetes["StatefulSet"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed + 5


def test_compose_refers_to_files_and_volumes_that_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in compose["volumes"]
        for other in service.get("depends_on", ()):
            assert other in compose["services"]
    build = compose["services"]["server"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).exists()


def test_prometheus_and_grafana_find_each_other(compose: dict[str, Any]) -> None:
    scraped = yaml.safe_load((DOCKER / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    host, _, port = scraped[0].partition(":")
    assert host in compose["services"]
    assert port in settings_of(environment()).sections["server"].listen[0]
    provisioning = DOCKER / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"].split("//")[1].split(":")[0] in compose["services"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/files.yaml").read_text())["providers"]
    mounts = [volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        assert panel["datasource"]["uid"] == source["uid"]


def queries() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_the_dashboard_asks_for_metrics_that_there_are(shared_server: LiveServer) -> None:
    shared_server.raw().session.login_with_password("nobody", "")
    _, page = get(shared_server.url, "/metrics")
    samples = {re.split(r"[{ ]", line)[0] for line in page.splitlines() if not line.startswith("#")}
    labels = {label for line in page.splitlines() for label in re.findall(r'[{,](\w+)="', line)}
    asked = {name for query in queries() for name in re.findall(r"\b(?:xapi|process)_\w+", query)}
    assert len(asked) > 12
    assert asked <= samples
    grouped = {
        name.strip() for query in queries() for by in re.findall(r"by \(([^)]*)\)", query) for name in by.split(",")
    }
    assert grouped <= labels


def test_the_probes_ask_for_pages_that_there_are(kubernetes: dict[str, Any], shared_server: LiveServer) -> None:
    (container,) = kubernetes["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert get(shared_server.url, container[probe]["httpGet"]["path"])[0] == 200


def test_the_health_check_of_the_image(shared_server: LiveServer) -> None:
    import subprocess
    import sys

    check = [sys.executable, str(DOCKER / "healthcheck.py")]
    assert subprocess.run([*check, shared_server.url], timeout=30).returncode == 0
    assert subprocess.run([*check, "http://127.0.0.1:9"], timeout=30, stderr=subprocess.DEVNULL).returncode == 1


def test_the_unit() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DOCKER / "xapi-async.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) > 0
    example = ROOT / "config" / Path(service["ExecStart"].split()[-1]).name
    config = load(SECTIONS, example, environment={})
    server, wire = config.sections["server"], config.sections["wire"]
    assert int(service["TimeoutStopSec"]) > server.drain_delay_seconds + wire.shutdown_seconds + 5
    assert Path(server.database).parent == Path("/var/lib") / service["StateDirectory"]
