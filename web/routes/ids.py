"""The numbers of rows in addresses."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """``<id:order_id>``: a number that every database can hold; any other one is no address of ours (404)."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)
