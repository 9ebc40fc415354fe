"""What can be wrong with a request, said without HTTP: services raise these, ``web.errors`` renders them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Problem(Exception):
    """One refusal of a request.

    ``code`` is the stable name clients test; the sentence for people comes from ``web.messages`` in the
    language asked for, with ``params`` filled in. ``details`` travels to the client as it is.
    """

    def __init__(
        self,
        code: str,
        details: Any = None,
        *,
        retry_after: int | None = None,
        **params: str | Mapping[str, str],
    ) -> None:
        super().__init__(code)
        self.code = code
        self.details = details
        #: Seconds after which the same request may succeed.
        self.retry_after = retry_after
        self.params = params
