from __future__ import annotations

import email
import email.policy
import mailbox
import re
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from processors.files import write_whole
from processors.gateways.mailer import MaildirMailer, MailRefused, SmtpMailer, mailer_for
from processors.mail import Letter, compose
from processors.records import Order
from processors.settings import Settings
from processors.texts import isolated

SENT_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def _message(letter: Letter, message_id: str = "<send-email.abc@bthwani.example>") -> EmailMessage:
    return compose(letter, sender="no-reply@bthwani.example", message_id=message_id, sent_at=SENT_AT)


def _letter(**values: object) -> Letter:
    defaults = {"to": "salma@example.com", "language": "ar", "subject": "تأكيد طلبك رقم BTH-000007"}
    return Letter(**{**defaults, "paragraphs": ["شكرًا لك."], **values})  # type: ignore[arg-type]


def _parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    return text.get_content(), html.get_content()


@pytest.fixture
def maildir(tmp_path: Path) -> MaildirMailer:
    return MaildirMailer(tmp_path / "mail", tmp_path / "refusals")


def test_arabic_survives_the_way_through_a_mail_program(maildir: MaildirMailer, tmp_path: Path) -> None:
    maildir.deliver(_message(_letter()))
    (stored,) = mailbox.Maildir(tmp_path / "mail", create=False)
    raw = stored.as_bytes()
    assert raw.isascii()
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert read["Subject"] == "تأكيد طلبك رقم BTH-000007"
    assert read["From"].addresses[0].display_name == "بثواني"
    assert (read["Auto-Submitted"], read["Content-Language"]) == ("auto-generated", "ar")
    assert read["Date"].datetime == SENT_AT
    assert "شكرًا لك." in _parts(read)[0]


def test_direction_stands_on_html_body_and_the_outer_table(paid: Order) -> None:
    text, html = _parts(_message(_letter(order=paid)))
    for tag in ("html", "body", "table"):
        opening = re.search(rf"<{tag}\b[^>]*>", html)
        assert opening is not None and 'dir="rtl"' in opening[0]
    assert f'<bdi dir="ltr"><b>{paid.number}</b></bdi>' in html
    assert '<bdi dir="ltr">39,250.00</bdi>' in html
    assert f"{isolated('ar', '39,250.00')} ر.ي" in text
    assert "<style" not in html and "<script" not in html


def test_an_english_letter_reads_from_left_to_right(paid: Order) -> None:
    text, html = _parts(_message(_letter(language="en", subject="Hello", paragraphs=["Hi."], order=paid)))
    assert '<html lang="en" dir="ltr">' in html and "rtl" not in html
    assert "Sidr honey" in html and "Total: 39,250.00 YER" in text


def test_what_customers_write_is_text_not_markup() -> None:
    text, html = _parts(_message(_letter(subject="<b>x</b>", paragraphs=["<img src=x onerror=alert(1)>"])))
    assert "<img" not in html and "<b>x</b>" not in html
    assert "<img src=x onerror=alert(1)>" in text


def test_a_header_cannot_be_smuggled_in_by_a_subject() -> None:
    with pytest.raises(ValueError):
        _message(_letter(subject="hello\nBcc: all@example.com"))


def test_the_same_letter_gives_the_same_bytes() -> None:
    assert _message(_letter()).as_bytes() == _message(_letter()).as_bytes()


def test_a_second_delivery_adds_no_second_mail(maildir: MaildirMailer, tmp_path: Path) -> None:
    first = maildir.deliver(_message(_letter()))
    assert maildir.deliver(_message(_letter())) == first
    read = first.rename(tmp_path / "mail" / "cur" / f"{first.name}:2,S")
    assert maildir.deliver(_message(_letter())) == read
    assert len(list(tmp_path.glob("mail/*/*"))) == 1


def test_a_busy_mailbox_takes_the_third_delivery_also_after_a_restart(tmp_path: Path) -> None:
    message = _message(_letter(to="busy-2@example.com"))
    answers = []
    for _ in range(3):
        mailer = MaildirMailer(tmp_path / "mail", tmp_path / "refusals")
        try:
            answers.append(mailer.deliver(message).name)
        except MailRefused as refused:
            answers.append(str(refused))
    assert answers == [
        "450 4.2.1 busy-2@example.com: mailbox busy (refusal 1 of 2)",
        "450 4.2.1 busy-2@example.com: mailbox busy (refusal 2 of 2)",
        "send-email.abc.eml",
    ]
    another = _message(_letter(to="busy-2@example.com"), "<send-email.def@bthwani.example>")
    with pytest.raises(MailRefused, match="refusal 1 of 2"):
        mailer.deliver(another)


def test_a_message_id_cannot_lead_out_of_the_maildir(maildir: MaildirMailer, tmp_path: Path) -> None:
    path = maildir.deliver(_message(_letter(), "<../../x@bthwani.example>"))
    assert path.parent == tmp_path / "mail" / "new"


def test_a_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.txt"
    write_whole(path, b"old", scratch=tmp_path / "tmp")
    monkeypatch.setattr("os.fsync", _die)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new and longer", scratch=tmp_path / "tmp")
    assert path.read_bytes() == b"old"


def _die(_descriptor: int) -> None:
    raise KeyboardInterrupt


class _SmtpServer(socketserver.ThreadingTCPServer):
    """Speaks just enough SMTP to take a mail, or to answer its recipient with 450."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, is_busy: bool) -> None:
        super().__init__(("127.0.0.1", 0), _SmtpSession)
        self.is_busy = is_busy
        self.received: list[bytes] = []


class _SmtpSession(socketserver.StreamRequestHandler):
    server: _SmtpServer

    def handle(self) -> None:
        self._say("220 test")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT" and self.server.is_busy:
                self._say("450 4.2.1 mailbox busy")
            elif verb == b"DATA":
                self._say("354 go on")
                self.server.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self._say("250 taken")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture(params=[False])
def smtp(request: pytest.FixtureRequest) -> Iterator[_SmtpServer]:
    with _SmtpServer(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_smtp_is_used_when_it_is_set(smtp: _SmtpServer) -> None:
    mailer = mailer_for(Settings.from_env({"SMTP_URL": f"smtp://127.0.0.1:{smtp.server_address[1]}"}))
    assert isinstance(mailer, SmtpMailer)
    assert mailer.deliver(_message(_letter())) is None
    read = email.message_from_bytes(smtp.received[0], policy=email.policy.default)
    assert (read["Message-ID"], read["To"]) == ("<send-email.abc@bthwani.example>", "salma@example.com")


@pytest.mark.parametrize("smtp", [True], indirect=True)
def test_an_smtp_server_that_declines_is_a_refusal(smtp: _SmtpServer) -> None:
    with pytest.raises(MailRefused, match="mailbox busy"):
        SmtpMailer(f"smtp://127.0.0.1:{smtp.server_address[1]}").deliver(_message(_letter()))
