"""Accounts: what is stored, who may log in, how long a token lives."""

from __future__ import annotations

import pytest

from processors import contracts
from processors.database import Database
from processors.records import User
from tests.web.conftest import FakeQueue
from web.problems import Problem
from web.services import accounts as module
from web.services.accounts import Accounts, FirstAdmin, Registration

AMAL = Registration(
    email=" Amal@Example.com ", password="long enough", full_name="أمل", phone=None, language="ar"
)
SECRET = "a key for tests only"


def service(database: Database, emails: FakeQueue | None = None, **options: FirstAdmin) -> Accounts:
    return Accounts(database, emails or FakeQueue("emails"), SECRET, **options)  # type: ignore[arg-type]


def refusal(call: object, *arguments: object) -> str:
    with pytest.raises(Problem) as refused:
        call(*arguments)  # type: ignore[operator]
    return refused.value.code


def test_registering_stores_the_account_and_welcomes_it_by_mail(database: Database) -> None:
    emails = FakeQueue("emails")
    user = service(database, emails).register(AMAL)
    assert user.email == "amal@example.com"
    assert "long enough" not in user.password_hash
    (job,) = emails.jobs.values()
    assert job.name == "send-welcome-email"
    assert contracts.SendWelcomeEmail().load(job.data) == {
        "email": "amal@example.com",
        "name": "أمل",
        "language": "ar",
    }


def test_an_account_is_made_even_if_its_welcome_cannot_be_added(database: Database) -> None:
    emails = FakeQueue("emails")
    emails.is_down = True
    accounts = service(database, emails)
    assert accounts.register(AMAL).id == accounts.authenticate("amal@example.com", "long enough").id


def test_an_address_is_registered_once_however_it_is_written(database: Database) -> None:
    emails = FakeQueue("emails")
    accounts = service(database, emails)
    accounts.register(AMAL)
    again = Registration(**{**vars(AMAL), "email": "AMAL@example.com"})
    assert refusal(accounts.register, again) == "email_taken"
    assert len(emails.jobs) == 1


def test_the_first_admins_address_cannot_be_registered_by_somebody_else(database: Database) -> None:
    accounts = service(database, first_admin=FirstAdmin("amal@example.com", "of the settings"))
    assert refusal(accounts.register, AMAL) == "email_taken"


def test_only_the_right_password_opens_an_account(database: Database) -> None:
    accounts = service(database)
    user = accounts.register(AMAL)
    assert accounts.authenticate("AMAL@example.com", "long enough").id == user.id
    assert refusal(accounts.authenticate, "amal@example.com", "wrong") == "wrong_credentials"
    assert refusal(accounts.authenticate, "nobody@example.com", "long enough") == "wrong_credentials"


def test_the_first_admin_comes_from_the_settings_and_changes_with_them(database: Database) -> None:
    before = service(database, first_admin=FirstAdmin("Boss@example.com", "first password"))
    boss = before.authenticate("boss@example.com", "first password")
    assert boss.is_admin
    assert before.authenticate("boss@example.com", "first password").id == boss.id
    after = service(database, first_admin=FirstAdmin("boss@example.com", "second password"))
    assert refusal(after.authenticate, "boss@example.com", "first password") == "wrong_credentials"
    assert after.authenticate("boss@example.com", "second password").id == boss.id
    # Without the settings nobody is that administrator: the database holds no password that could match.
    assert (
        refusal(service(database).authenticate, "boss@example.com", "second password") == "wrong_credentials"
    )


def test_a_token_names_its_user(database: Database) -> None:
    accounts = service(database)
    user = accounts.register(AMAL)
    assert accounts.user_of_token(accounts.token_for(user)).id == user.id


@pytest.mark.parametrize("token", ["", "x", "eyJ1c2VyIjoxfQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"])
def test_a_made_up_token_is_refused(database: Database, token: str) -> None:
    accounts = service(database)
    accounts.register(AMAL)
    assert refusal(accounts.user_of_token, token) == "unauthorized"


def test_a_token_dies_with_another_key_with_the_password_and_with_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = service(database)
    user = accounts.register(AMAL)
    token = accounts.token_for(user)
    stranger = Accounts(database, FakeQueue("emails"), "another key altogether")  # type: ignore[arg-type]
    assert refusal(stranger.user_of_token, token) == "unauthorized"
    with monkeypatch.context() as patch:
        patch.setattr(module, "TOKEN_SECONDS", -1)
        assert refusal(accounts.user_of_token, token) == "unauthorized"
    with database.transaction() as session:
        session.get_one(User, user.id).password_hash = "changed"
    assert refusal(accounts.user_of_token, token) == "unauthorized"


def test_a_credit_is_added_to_the_wallet(database: Database) -> None:
    accounts = service(database)
    user = accounts.register(AMAL)
    accounts.credit(user.id, 500)
    assert accounts.credit(user.id, 250).wallet_balance_minor == 750
    assert refusal(accounts.credit, 999, 1) == "user_not_found"
