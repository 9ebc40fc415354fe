from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from processors import contracts, resources
from processors.records import Product
from processors.resources import Resources
from tests.processors.conftest import at_once


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(resources, "_built", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("QUEUE_ATTEMPTS", "7")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield
    resources.resources().database.close()


def test_threads_that_ask_first_get_the_same_resources(tmp_path: Path) -> None:
    built = at_once(6, resources.resources)
    assert len({id(one) for one in built}) == 1
    assert built[0].settings.data_dir == tmp_path
    with built[0].database.reading() as session:
        assert session.query(Product).count() > 0


def test_queues_bring_the_applications_options() -> None:
    queues = resources.resources().queues
    assert tuple(queues) == contracts.QUEUES
    assert all(queue.default_job_options.attempts == 7 for queue in queues.values())


def test_a_forked_child_builds_its_own() -> None:
    mine = id(resources.resources())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"own" if id(resources.resources()) != mine else b"shared")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"own"


def test_tests_can_put_their_own_in(have: Resources) -> None:
    assert resources.resources() is have
    resources.use(None)
    assert resources.resources() is not have
