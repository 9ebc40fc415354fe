from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from processors.contracts import SendEmail, SendOrderConfirmation, SendWelcomeEmail
from processors.emails import send_email, send_order_confirmation, send_welcome_email
from processors.gateways.mailer import MailRefused
from processors.lookups import NotPaid
from processors.records import Order, SentEmail
from processors.resources import Resources
from tests.processors.conftest import FakeJob, at_once, job_of


def _mails(have: Resources) -> list[Path]:
    return sorted((have.settings.data_dir / "mail" / "new").glob("*"))


def _read(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _plain(to: str = "salma@example.com", **values: Any) -> FakeJob:
    data = {"to": to, "subject": "عرض خاص", "body": "سطر أول\n\nسطر ثانٍ"}
    return job_of("send-email", SendEmail, data, **values)


def test_a_job_sends_one_mail_however_often_it_runs(have: Resources) -> None:
    results = at_once(4, lambda: send_email(_plain()))
    results += [send_email(_plain()) for _ in range(2)]
    (path,) = _mails(have)
    message = _read(path)
    assert results == [{"messageId": message["Message-ID"], "file": str(path)}] * 6
    with have.database.reading() as session:
        (sent,) = session.query(SentEmail)
    assert (sent.recipient, sent.subject, sent.file) == ("salma@example.com", "عرض خاص", str(path))


def test_two_jobs_send_two_mails(have: Resources) -> None:
    send_email(_plain())
    send_email(_plain(id="2"))
    assert len({_read(path)["Message-ID"] for path in _mails(have)}) == 2


def test_a_mail_read_and_deleted_is_not_sent_again(have: Resources) -> None:
    send_email(_plain())
    _mails(have)[0].unlink()
    send_email(_plain())
    assert not _mails(have)


def test_a_busy_mailbox_fails_two_attempts_and_takes_the_third(have: Resources) -> None:
    for attempt in (1, 2):
        with pytest.raises(MailRefused, match=rf"450 .* mailbox busy \(refusal {attempt} of 2\)"):
            send_email(_plain("busy-2@example.com"))
    send_email(_plain("busy-2@example.com"))
    assert len(_mails(have)) == 1


def test_a_run_killed_after_the_mail_left_repeats_it_under_the_same_id(
    have: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("processors.mail.insert_once", _die)
        with pytest.raises(KeyboardInterrupt):
            send_email(_plain())
    send_email(_plain())
    assert len(_mails(have)) == 1


def _die(*_args: Any, **_values: Any) -> None:
    raise KeyboardInterrupt


def _confirmation(order: Order) -> FakeJob:
    data = {"email": "salma@example.com", "orderId": order.id, "orderDetails": {"total": 1}}
    return job_of("send-order-confirmation", SendOrderConfirmation, data)


def test_a_confirmation_shows_the_order_as_the_database_has_it(have: Resources, paid: Order) -> None:
    send_order_confirmation(_confirmation(paid))
    (path,) = _mails(have)
    message = _read(path)
    assert message["Subject"] == f"تأكيد طلبك رقم {paid.number}"
    html = message.get_body(("html",))
    assert html is not None
    shown = html.get_content()
    assert "سلمى أحمد" in shown and "عسل سدر" in shown and "39,250.00" in shown


def test_an_order_that_is_not_paid_is_not_confirmed(have: Resources, make_order: Any) -> None:
    with pytest.raises(NotPaid, match="found it pending"):
        send_order_confirmation(_confirmation(make_order()))
    assert not _mails(have)


def test_a_confirmation_is_sent_once(have: Resources, paid: Order) -> None:
    at_once(3, lambda: send_order_confirmation(_confirmation(paid)))
    send_order_confirmation(_confirmation(paid))
    assert len(_mails(have)) == 1


@pytest.mark.parametrize(("language", "subject"), [("ar", "أهلًا بك في بثواني"), ("en", "Welcome to Bthwani")])
def test_a_welcome_is_sent_once_in_the_customers_language(
    have: Resources, language: str, subject: str
) -> None:
    data = {"email": "new@example.com", "name": "هدى", "language": language}
    job = job_of("send-welcome-email", SendWelcomeEmail, data)
    at_once(3, lambda: send_welcome_email(job))
    send_welcome_email(job)
    assert [_read(path)["Subject"] for path in _mails(have)] == [subject]
