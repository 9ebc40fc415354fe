"""Clients: whose address, which settings, and the socket that a worker holds."""

from __future__ import annotations

import pytest
import redis

from bthwani_jobs import Queue
from bthwani_jobs.store.connection import HeldConnection, address, client, url_from_environment
from bthwani_jobs.store.scripts import script
from tests.support.redis_server import RedisServer


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_URL": "redis://b/1", "RQ_REDIS_URL": "redis://a/2"}, "redis://a/2"),
        ({"REDIS_URL": "redis://b/1", "REDIS_HOST": "c"}, "redis://b/1"),
        ({"REDIS_HOST": "c"}, "redis://c:6379/0"),
        ({"REDIS_PORT": "7000", "REDIS_DB": "3"}, "redis://localhost:7000/3"),
        ({"RQ_REDIS_URL": "", "REDIS_HOST": "c"}, "redis://c:6379/0"),
    ],
)
def test_the_address_is_the_one_that_rq_would_use(environment: dict[str, str], expected: str) -> None:
    assert url_from_environment(environment) == expected


@pytest.mark.parametrize("password", ["simple", "p@ss:w/rd#?%", "كلمة"])
def test_any_password_survives(password: str) -> None:
    made = redis.Redis.from_url(url_from_environment({"REDIS_HOST": "c", "REDIS_PASSWORD": password}))
    kwargs = made.connection_pool.connection_kwargs
    assert (kwargs["host"], kwargs["password"]) == ("c", password)


def test_a_client_that_decodes_gets_a_sibling_that_does_not(
    redis_server: RedisServer, queue_name: str
) -> None:
    decoding = redis_server.client(decode_responses=True)
    queue = Queue(queue_name, decoding)
    queue.add("a", {"text": "نص"}, job_id="x")

    assert queue.get_job("x").data == {"text": "نص"}
    assert decoding.get("nothing") is None
    assert queue.connection is not decoding
    queue.get_job("x").remove()
    queue.close()
    decoding.close()


def test_a_callers_client_is_used_as_it_is_and_left_open(connection: redis.Redis, queue_name: str) -> None:
    assert client(connection) is connection
    Queue(queue_name, connection).close()
    assert connection.ping()


def test_the_address_in_messages_has_no_password() -> None:
    made = redis.Redis.from_url("redis://user:secret@somewhere:7000/4")
    assert address(made) == "somewhere:7000/4"


def test_a_held_connection_comes_back_after_it_was_dropped(connection: redis.Redis) -> None:
    held = HeldConnection(connection, socket_timeout_s=5)
    first = held.execute_command("CLIENT", "ID")
    assert held.execute_command("CLIENT", "ID") == first
    held.drop()
    assert held.execute_command("CLIENT", "ID") != first
    held.drop()
    held.drop()


def test_a_held_connection_raises_when_it_was_cut_and_then_comes_back(connection: redis.Redis) -> None:
    held = HeldConnection(connection, socket_timeout_s=5)
    connection.client_kill_filter(_id=held.execute_command("CLIENT", "ID"), skipme=False)
    with pytest.raises(redis.ConnectionError):
        held.execute_command("PING")
    held.drop()
    assert held.execute_command("PING") in (b"PONG", True)
    held.drop()


def test_a_script_that_the_server_has_forgotten_is_sent_anew(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a")
    connection.script_flush()
    queue.add("a")
    assert queue.get_waiting_count() == 2
    assert connection.script_exists(script("add_jobs").digest) == [True]
