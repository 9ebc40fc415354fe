from __future__ import annotations

import string
import unicodedata

import pytest

from processors.gateways.push import RIGHT_TO_LEFT_MARK, for_phone
from processors.records import OrderStatus, RefusalReason
from processors.texts import MESSAGES, isolated, order_update, refusal, with_numbers_isolated


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_things() -> None:
    arabic, english = MESSAGES["ar"], MESSAGES["en"]
    assert list(arabic) == list(english)
    assert {key: _fields(text) for key, text in arabic.items()} == {
        key: _fields(text) for key, text in english.items()
    }
    assert all(any(unicodedata.bidirectional(letter) == "AL" for letter in text) for text in arabic.values())
    assert not any(unicodedata.bidirectional(letter) == "AL" for text in english.values() for letter in text)


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_names_its_reason_and_isolates_the_number(language: str, reason: RefusalReason) -> None:
    _, body = order_update(language, "BTH-000007", OrderStatus.REFUSED, reason)
    assert refusal(language, reason) in body
    assert isolated(language, "BTH-000007") in body


def test_only_arabic_that_opens_with_latin_is_marked_for_phones() -> None:
    assert for_phone("BTH-7 طلب") == RIGHT_TO_LEFT_MARK + "BTH-7 طلب"
    assert for_phone("7: طلب") == "7: طلب"
    assert for_phone("order BTH-7") == "order BTH-7"


def test_only_phone_numbers_are_isolated_in_what_customers_write() -> None:
    written = "عمارة 7، الطابق 2، هاتف +967 777-123-456"
    phone = isolated("ar", "+967\u00a0777-123-456")
    assert with_numbers_isolated(written) == f"عمارة 7، الطابق 2، هاتف {phone}"
