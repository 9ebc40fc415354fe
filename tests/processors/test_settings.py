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
