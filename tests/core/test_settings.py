"""Settings of a queue (S-152, Q-25)."""

from __future__ import annotations

from typing import Any

import pytest

from bthwani_jobs.core.settings import QueueSettings
from bthwani_jobs.errors import InvalidSetting, UnknownOption


def test_bulls_defaults() -> None:
    """S-152."""
    settings = QueueSettings.of(None)
    assert settings == QueueSettings.of({})
    assert (settings.lock_duration, settings.lock_renew_time) == (30_000, 15_000)
    assert (settings.stalled_interval, settings.max_stalled_count) == (30_000, 1)
    assert (settings.guard_interval, settings.retry_process_delay, settings.drain_delay) == (5000, 5000, 5)
    assert settings.max_data_bytes == 1_048_576


@pytest.mark.parametrize("renewal", [{}, {"lockRenewTime": 0}, {"lock_renew_time": None}])
def test_the_renewal_follows_the_lock(renewal: dict[str, Any]) -> None:
    assert QueueSettings.of({"lockDuration": 1000, **renewal}).lock_renew_time == 500


def test_both_spellings_and_made_settings() -> None:
    settings = QueueSettings.of({"stalledInterval": 0, "max_stalled_count": 0, "drainDelay": 0.5})
    assert (settings.stalled_interval, settings.max_stalled_count, settings.drain_delay) == (0, 0, 0.5)
    assert QueueSettings.of(settings) is settings


def test_strategies_as_functions_or_as_names_only() -> None:
    def jitter(attempts_made: int) -> int:
        return attempts_made

    assert QueueSettings.of({"backoffStrategies": {"jitter": jitter}}).backoff_strategies == {
        "jitter": jitter
    }
    assert QueueSettings.of({"backoff_strategies": ["jitter"]}).backoff_strategies == {"jitter": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lock_duration", 0),
        ("lock_duration", "soon"),
        ("max_stalled_count", -1),
        ("drain_delay", 0),
        ("drain_delay", True),
        ("drain_delay", [5]),
        ("max_data_bytes", 0),
        ("backoff_strategies", "jitter"),
        ("backoff_strategies", {"jitter": 5}),
        ("backoff_strategies", [5]),
    ],
)
def test_settings_that_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidSetting, match=name):
        QueueSettings.of({name: value})


def test_an_unknown_setting_names_the_near_miss() -> None:
    with pytest.raises(UnknownOption, match=r'Unknown setting "lockDuraton"\. Did you mean "lockDuration"'):
        QueueSettings.of({"lockDuraton": 5})
