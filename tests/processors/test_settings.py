from __future__ import annotations

from pathlib import Path

import pytest

from processors.settings import InvalidSettings, Settings


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.from_env({})
    assert settings.redis_url == "redis://localhost:6379/0"
    assert (settings.queue_attempts, settings.queue_backoff_delay, settings.port) == (3, 1000, 3000)
    assert settings.database_url == f"sqlite:///{Path('.data').absolute() / 'bthwani.sqlite3'}"
    assert settings.smtp_url is None
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"REDIS_HOST": "cache", "REDIS_PORT": "6380", "REDIS_DB": "2"}, "redis://cache:6380/2"),
        ({"REDIS_PASSWORD": "a/b@c"}, "redis://:a%2Fb%40c@localhost:6379/0"),
        ({"REDIS_HOST": "cache", "REDIS_URL": "redis://one/1"}, "redis://one/1"),
        ({"RQ_REDIS_URL": "rediss://two/2", "REDIS_URL": "redis://one/1"}, "rediss://two/2"),
    ],
)
def test_the_redis_address_is_looked_up_as_rq_does(environ: dict[str, str], expected: str) -> None:
    assert Settings.from_env(environ).redis_url == expected


def test_an_empty_value_counts_as_not_given() -> None:
    assert Settings.from_env({"PORT": " ", "REDIS_PASSWORD": "", "REDIS_URL": ""}) == Settings.from_env({})


def test_all_faults_are_named_at_once_without_secrets() -> None:
    environ = {
        "PORT": "http",
        "REDIS_DB": "-1",
        "REDIS_URL": "http://user:s3cret@host",
        "DATABASE_URL": "nonsense",
        "SMTP_URL": "smtp:",
        "QUEUE_ATTEMPTS": "2.5",
        "QUEUE_BACKOFF_DELAY": "-3",
        "ADMIN_EMAIL": "nobody",
        "ADMIN_PASSWORD": "short",
        "SECRET_KEY": "short",
        "SHUTDOWN_GRACE": "0",
    }
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_env(environ)
    assert set(caught.value.faults) == set(environ)
    assert len(str(caught.value).splitlines()) == 1 + len(environ)
    assert "s3cret" not in str(caught.value)
    assert "PORT: Expected a whole number from 1 to 65535." in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://localhost:6379x/0", "redis://localhost:6379x/0"),
        ("redis://localhost:99999/0", "redis://localhost:99999/0"),
        ("redis://localhost/abc", "redis://localhost/abc"),
        ("redis://:p@s3c/r#et@localhost:6379", "redis://localhost:6379"),
        ("redis://:12#s3cret@localhost", "redis://localhost"),
        ("redis://:12?s3cret@localhost", "redis://localhost"),
        ("redis://[::1", "redis://[::1"),
    ],
)
def test_a_redis_address_that_means_something_else_is_refused(address: str, shown: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_env({"REDIS_URL": address})
    (text,) = caught.value.faults["REDIS_URL"]
    assert f"found '{shown}'. In a password, write @ as %40" in text


@pytest.mark.parametrize(
    "address",
    [
        "redis://localhost",
        "rediss://u:p%40@h:1/15",
        "redis://h?db=3",
        "unix:///run/r.sock?db=1",
        "redis://[::1]:2",
    ],
)
def test_a_redis_address_may_leave_things_out(address: str) -> None:
    assert Settings.from_env({"REDIS_URL": address}).redis_url == address


def test_the_port_of_a_mail_server_is_a_number() -> None:
    with pytest.raises(InvalidSettings, match="SMTP_URL: Expected an address whose port is a number"):
        Settings.from_env({"SMTP_URL": "smtp://mail.example:x"})


def test_secrets_are_not_shown() -> None:
    settings = Settings.from_env(
        {
            "SECRET_KEY": "k" * 32,
            "ADMIN_PASSWORD": "p" * 12,
            "REDIS_PASSWORD": "hush",
            "SMTP_URL": "smtp://u:hush@h",
        }
    )
    assert not any(secret in repr(settings) for secret in ("k" * 32, "p" * 12, "hush"))
