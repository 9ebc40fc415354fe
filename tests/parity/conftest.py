from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.parity.handlers import Flavour, Gate, Runs
from tests.support.timing import load_factor


@pytest.fixture(scope="session")
def factor() -> float:
    """How far upper bounds of time are stretched on this machine, measured once."""
    return load_factor()


@pytest.fixture
def at_most(factor: float) -> Callable[[float], float]:
    """`at_most(150)`: an upper bound in ms for an idle machine, stretched by the load of this one."""
    return lambda ms: ms * factor


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """The test runs twice: with plain handlers and with asynchronous ones."""
    return Flavour(request.param)


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def gate(run_worker: object) -> Iterator[Gate]:
    """Opened at the test's end in any case, before the workers are closed."""
    made = Gate()
    yield made
    made.open()
