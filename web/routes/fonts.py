"""The Arabic typeface of the admin pages, from its package: pages load nothing from other sites."""

from __future__ import annotations

import fontpkg_ibm_plex_sans_arabic
from flask import Blueprint, Response, send_from_directory

blueprint = Blueprint("fonts", __name__)
YEAR_SECONDS = 365 * 24 * 60 * 60


@blueprint.get("/static/fonts/<name>")
def font(name: str) -> Response:
    return send_from_directory(fontpkg_ibm_plex_sans_arabic.ROOT / "files", name, max_age=YEAR_SECONDS)
