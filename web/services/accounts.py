"""Accounts: registering, logging in, and the tokens that say who sends a request."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bthwani_jobs import Queue
from processors import contracts
from processors.database import Database, insert_once
from processors.records import User
from web.problems import Problem
from web.services import passwords
from web.services.adding import UNREACHABLE, add_job

logger = logging.getLogger(__name__)

TOKEN_SECONDS = 12 * 60 * 60
_TOKEN_SALT = "bthwani-api-token"


@dataclass(frozen=True)
class FirstAdmin:
    """The administrator whom the settings name; their password is in the settings alone."""

    email: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Registration:
    email: str
    password: str
    full_name: str
    phone: str | None
    language: str


class Accounts:
    """Bull's document calls this AuthService; ``emails`` is its injected queue."""

    def __init__(
        self,
        database: Database,
        emails: Queue,
        secret_key: str,
        *,
        first_admin: FirstAdmin | None = None,
    ) -> None:
        self._database = database
        self._emails = emails
        self._secret = secret_key
        self._tokens = URLSafeTimedSerializer(secret_key, salt=_TOKEN_SALT)
        self._first_admin = first_admin

    def register(self, registration: Registration) -> User:
        """Create the account, then add ``send-welcome-email``. Raises ``email_taken``.

        An account without its welcome is better than none: a mail that cannot be added is only logged.
        """
        email = _normal(registration.email)
        if self._is_first_admin(email):
            raise Problem("email_taken")
        user = User(
            email=email,
            password_hash=passwords.hashed(registration.password),
            full_name=registration.full_name,
            phone=registration.phone,
            language=registration.language,
        )
        try:
            with self._database.transaction() as session:
                session.add(user)
                session.flush()
                session.expunge(user)
        except IntegrityError:
            raise Problem("email_taken") from None
        self._welcome(user)
        return user

    def _welcome(self, user: User) -> None:
        data = {"email": user.email, "name": user.full_name, "language": user.language}
        try:
            add_job(self._emails, contracts.SEND_WELCOME_EMAIL, data)
        except UNREACHABLE as error:
            logger.error("The welcome mail of user %s could not be added: %s", user.id, error)

    def authenticate(self, email: str, password: str) -> User:
        """The account these credentials open. Raises ``wrong_credentials``, whichever of the two is wrong."""
        email = _normal(email)
        if self._is_first_admin(email):
            return self._authenticated_first_admin(email, password)
        with self._database.reading() as session:
            user = _by_email(session, email)
        if not passwords.matches(user.password_hash if user else None, password) or user is None:
            raise Problem("wrong_credentials")
        return user

    def token_for(self, user: User) -> str:
        """A bearer token, good for ``TOKEN_SECONDS`` or until the password changes."""
        return str(self._tokens.dumps({"user": user.id, "is": self.fingerprint(user)}))

    def user_of_token(self, token: str) -> User:
        """Whose token this is. Raises ``unauthorized``."""
        try:
            claims = self._tokens.loads(token, max_age=TOKEN_SECONDS)
            user = self.user_of_claims(claims["user"], claims["is"])
        except (BadSignature, KeyError, TypeError):
            user = None
        if user is None:
            raise Problem("unauthorized")
        return user

    def user_of_claims(self, user_id: int, fingerprint: str) -> User | None:
        """The account, if it still has the password it had when ``fingerprint`` was taken."""
        with self._database.reading() as session:
            user = session.get(User, user_id)
        known = user is not None and hmac.compare_digest(self.fingerprint(user), fingerprint)
        return user if known else None

    def fingerprint(self, user: User) -> str:
        """Changes with the password, and tells nothing about it."""
        secret = user.password_hash
        if self._first_admin is not None and self._is_first_admin(user.email):
            secret += self._first_admin.password
        return hmac.new(self._secret.encode(), secret.encode(), hashlib.sha256).hexdigest()[:24]

    def credit(self, user_id: int, amount_minor: int) -> User:
        """Add money to a wallet. Raises ``user_not_found``."""
        with self._database.transaction() as session:
            user = session.get(User, user_id)
            if user is None:
                raise Problem("user_not_found")
            user.wallet_balance_minor += amount_minor
            session.flush()
            session.expunge(user)
        return user

    def _is_first_admin(self, email: str) -> bool:
        return self._first_admin is not None and _normal(self._first_admin.email) == email

    def _authenticated_first_admin(self, email: str, password: str) -> User:
        assert self._first_admin is not None
        if not hmac.compare_digest(self._first_admin.password.encode(), password.encode()):
            raise Problem("wrong_credentials")
        with self._database.transaction() as session:
            insert_once(
                session, User, email=email, full_name="Administrator", password_hash=passwords.NO_PASSWORD
            )
            user = _by_email(session, email)
            assert user is not None
            user.is_admin = True
            session.flush()
            session.expunge(user)
        return user


def _normal(email: str) -> str:
    return email.strip().lower()


def _by_email(session: Session, email: str) -> User | None:
    return session.scalars(select(User).where(User.email == email)).one_or_none()
