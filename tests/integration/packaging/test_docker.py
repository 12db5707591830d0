"""The image and the compose file, as far as they can be known without an engine."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from puna.config.network import parse_host, parse_origins
from puna.config.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "packaging"
PORT = 11434


def instructions() -> list[tuple[str, str]]:
    """Keyword and arguments of each line of the Dockerfile, continued lines joined."""
    text = (PACKAGING / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def arguments(keyword: str) -> list[str]:
    return [found for name, found in instructions() if name == keyword]


def service() -> dict[str, Any]:
    services = yaml.safe_load((PACKAGING / "docker-compose.yml").read_text())["services"]
    (only,) = services.values()
    return dict(only)


def variables() -> dict[str, str]:
    image = dict(pair.split("=", 1) for line in arguments("ENV") for pair in shlex.split(line))
    return image | service()["environment"]


def health_checks() -> list[list[str]]:
    (image,) = arguments("HEALTHCHECK")
    return [json.loads(image[image.index("[") :]), service()["healthcheck"]["test"][1:]]


def test_every_instruction_is_one_docker_knows() -> None:
    known = {"FROM", "RUN", "WORKDIR", "ENV", "COPY", "VOLUME", "EXPOSE", "HEALTHCHECK"}
    assert {name for name, _ in instructions()} <= known | {"ENTRYPOINT", "CMD"}
    assert instructions()[0][0] == "FROM"


def test_every_copied_path_is_in_the_checkout() -> None:
    copied = [path for line in arguments("COPY") for path in line.split()[:-1]]
    own = [path for path in copied if not path.startswith(("--from", "/"))]
    assert own
    assert [path for path in own if not (ROOT / path).exists()] == []


def test_the_image_builds_with_the_same_packages_as_a_checkout() -> None:
    listed = (PACKAGING / "debian-packages-build.txt").read_text().split()
    build = arguments("RUN")[0]
    assert [name for name in listed if name not in build.split()] == []


def test_the_image_runs_on_every_processor() -> None:
    flags = variables()["CMAKE_ARGS"]
    for flag in ("GGML_NATIVE=OFF", "GGML_BACKEND_DL=ON", "GGML_CPU_ALL_VARIANTS=ON"):
        assert f"-D{flag}" in flags


def test_the_server_is_process_one() -> None:
    assert json.loads(arguments("ENTRYPOINT")[0]) + json.loads(arguments("CMD")[0]) == [
        "puna",
        "serve",
    ]


def test_the_service_listens_where_its_port_is_published() -> None:
    host = parse_host(variables()["OLLAMA_HOST"], [])
    assert (host.host, host.port) == ("0.0.0.0", PORT)
    assert service()["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert arguments("EXPOSE") == [str(PORT)]


def test_other_containers_reach_it_by_its_name() -> None:
    assert service()["hostname"] == service()["container_name"] == "puna"


def test_models_are_in_the_volume() -> None:
    (volume,) = arguments("VOLUME")
    assert variables()["OLLAMA_MODELS"].startswith(f"{volume}/")
    assert service()["volumes"] == [f"puna:{volume}"]


def test_every_variable_is_a_setting_with_a_good_value() -> None:
    own = {name for name in variables() if re.match("OLLAMA_|PUNA_", name)}
    assert own <= {setting.env for setting in SETTINGS.values()}
    assert parse_origins(variables()["OLLAMA_ORIGINS"]).warnings == ()


def test_the_health_check_passes_while_the_server_answers(
    start_puna: Callable[..., Any],
) -> None:
    server = start_puna("serve")
    port = server.read_until(r"listening on http://127\.0\.0\.1:(\d+)")[1]
    for check in health_checks():
        command = [word.replace(str(PORT), port) for word in check]
        assert subprocess.run(command, timeout=30).returncode == 0
    server.stop()


@pytest.mark.parametrize("number", [0, 1])
def test_the_health_check_fails_without_a_server(number: int) -> None:
    command = [word.replace(str(PORT), "1") for word in health_checks()[number]]
    done = subprocess.run(command, timeout=30, capture_output=True)
    assert done.returncode != 0
