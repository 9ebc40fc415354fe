"""Declaring handlers, finding their modules, and every mistake said in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bthwani_jobs import Job, Processor
from bthwani_jobs.errors import (
    ConfigurationError,
    DuplicateHandler,
    InvalidConcurrency,
    InvalidInput,
    InvalidJobName,
    InvalidQueueName,
    MissingHandlerFunction,
)
from bthwani_jobs.runtime.registry import PROCESSORS_VARIABLE, bind, configured_processors

AddModule = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROCESSORS_VARIABLE, raising=False)


@pytest.fixture
def add_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queue_name: str) -> AddModule:
    """`add_module(name, text)`: an importable module under a name of the test's own, which is returned."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(name: str, text: str) -> str:
        unique = f"{name}_{queue_name.replace('-', '_')}"
        (tmp_path / f"{unique}.py").write_text(text)
        monkeypatch.delitem(sys.modules, unique, raising=False)
        return unique

    return add


def _processor(queue: str, *names: str, **options: object) -> Processor:
    made = Processor(queue, **options)
    for name in names:
        made.process(name)(_handle)
    return made


def _handle(job: Job) -> None:
    """Never called here."""


@pytest.mark.contract("S-173")
def test_two_handlers_of_one_name() -> None:
    processor = _processor("emails", "send")
    with pytest.raises(DuplicateHandler, match="Cannot define the same handler twice send"):
        processor.process("send")


@pytest.mark.contract("S-173")
def test_two_handlers_of_one_name_in_two_processors() -> None:
    with pytest.raises(DuplicateHandler, match="twice send"):
        bind([_processor("emails", "send"), _processor("emails", "send")], "emails")


@pytest.mark.contract("S-173")
def test_something_that_is_no_function() -> None:
    with pytest.raises(MissingHandlerFunction, match="Cannot set an undefined handler"):
        Processor("emails").process("send")(None)  # type: ignore[type-var]


@pytest.mark.contract("S-174")
@pytest.mark.parametrize("concurrency", [1.5, "3", True, -1, None])
def test_a_concurrency_that_is_no_whole_number(concurrency: object) -> None:
    with pytest.raises(InvalidConcurrency, match="Cannot set Float as concurrency"):
        Processor("emails").process("send", concurrency=concurrency)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", " ", "a\nb", 3])
def test_a_queue_without_a_usable_name(name: object) -> None:
    with pytest.raises(InvalidQueueName):
        Processor(name)  # type: ignore[arg-type]


def test_a_handler_without_a_usable_name() -> None:
    with pytest.raises(InvalidJobName):
        Processor("emails").process("")


def test_an_event_that_never_fires() -> None:
    with pytest.raises(InvalidInput, match='Did you mean "completed"'):
        Processor("emails").on("complete")


@pytest.mark.contract("S-168", "S-169")
def test_slots_add_up_unless_the_processor_says_otherwise() -> None:
    processor = Processor("emails")
    for name, concurrency in (("a", 2), ("b", 3), ("z", 0)):
        processor.process(name, concurrency=concurrency)(_handle)

    assert bind([processor], "emails").slots == 5
    assert bind([processor, _processor("emails", "c")], "emails").slots == 6
    assert bind([_processor("emails", "a", "b", concurrency=1)], "emails").slots == 1


@pytest.mark.contract("S-171")
def test_a_handler_by_name_before_the_one_for_all() -> None:
    binding = bind([_processor("emails", "send", "*")], "emails")

    assert binding.handler_of("send").name == "send"
    assert binding.handler_of("other").name == "*"
    assert bind([_processor("emails", "send")], "emails").handler_of("other") is None


def test_settings_of_several_processors_are_merged_key_by_key() -> None:
    first = _processor("emails", "a", settings={"lock_duration": 1, "guard_interval": 2})
    second = _processor("emails", "b", settings={"guard_interval": 3}, default_job_options={"attempts": 2})
    binding = bind([first, second], "emails")

    assert binding.settings == {"lock_duration": 1, "guard_interval": 3}
    assert binding.default_job_options == {"attempts": 2}


def test_a_queue_that_nobody_handles_names_those_that_are_handled() -> None:
    with pytest.raises(ConfigurationError, match=r'No handler .* "emials".*emails, orders'):
        bind([_processor("orders", "a"), _processor("emails", "a")], "emials")


def test_something_that_declares_no_handlers() -> None:
    with pytest.raises(ConfigurationError, match="Processor objects or modules, found 'emails'"):
        bind(["emails"], "emails")  # type: ignore[list-item]


def test_a_module_gives_all_its_processors() -> None:
    module = ModuleType("handlers")
    module.emails, module.other = _processor("emails", "a"), _processor("emails", "b")
    module.orders = _processor("orders", "c")
    assert set(bind([module], "emails").handlers) == {"a", "b"}


def test_no_processors_named_anywhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured_processors(tmp_path)
    assert PROCESSORS_VARIABLE in str(caught.value)
    assert "setup.cfg" in str(caught.value) and "[bthwani_jobs]" in str(caught.value)


def test_a_setup_cfg_without_the_section(tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = x\n")
    with pytest.raises(ConfigurationError, match="does not know its handlers"):
        configured_processors(tmp_path)


@pytest.mark.parametrize("separator", [", ", "\n    ", ",\n    "])
def test_modules_from_setup_cfg(add_module: AddModule, tmp_path: Path, separator: str) -> None:
    names = [add_module("first", "x = 1"), add_module("second", "x = 2")]
    (tmp_path / "setup.cfg").write_text(f"[bthwani_jobs]\nprocessors = {separator.join(names)}\n")
    assert [module.__name__ for module in configured_processors(tmp_path)] == names


def test_the_variable_wins_over_setup_cfg(
    add_module: AddModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = add_module("named", "x = 1")
    (tmp_path / "setup.cfg").write_text("[bthwani_jobs]\nprocessors = not_this_one\n")
    monkeypatch.setenv(PROCESSORS_VARIABLE, f" {named} ,")
    assert [module.__name__ for module in configured_processors(tmp_path)] == [named]


@pytest.mark.parametrize("name", ["no_such_module_anywhere", "no_such_package.handlers"])
def test_a_module_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(PROCESSORS_VARIABLE, name)
    with pytest.raises(ConfigurationError, match=f'"{name}" does not exist'):
        configured_processors()


def test_a_module_that_lacks_something_itself(add_module: AddModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real fault is shown, not a wrong advice about spelling."""
    monkeypatch.setenv(PROCESSORS_VARIABLE, add_module("broken", "import no_such_thing"))
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        configured_processors()
