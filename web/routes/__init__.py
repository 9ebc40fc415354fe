"""The HTTP API: each route parses, calls one service method and renders.

All bodies are JSON. Everything but registering, logging in, the products and the health checks wants
``Authorization: Bearer <token>``; ``(admin)`` wants an administrator's.

``POST /auth/register`` ``{email, password, fullName, phone?, language?}`` → 201 ``{user}``
``POST /auth/login`` ``{email, password}`` → ``{token, expiresIn, user}``
``POST /users/<id>/credit`` (admin) ``{amountMinor}`` → ``{user}``
``GET /products`` → ``{products}``
``POST /orders`` ``{items: [{productId, quantity}], deliveryAddress?, marketerId?}`` → 201 ``{order, jobs}``;
503 ``order_not_started`` when it is stored but its jobs could not be added: confirming it adds them
``GET /orders/<id>`` → ``{order, outcome: {invoice, commission, analytics, notifications, emails}}``
``POST /orders/<id>/confirm`` → ``{order, jobs}``; 409 with Retry-After while in work, 409 when refused
``GET /notifications`` → ``{notifications}``, newest first
``POST /reminders`` ``{message, delay?}`` → 202 ``{job}``
``POST /emails`` (admin) ``{to, subject, body, language?}`` → 202 ``{job}``
``GET /queues`` → ``{queues: [{name, counts, isPaused}]}``
``GET /queues/<queue>/jobs/<id>`` (admin) → ``{job}``: Bull's ``toJSON``, ``queue``, ``state`` and ``logs``
``GET /healthz`` → 200 while the process lives; ``GET /readyz`` → 200, or 503 naming what does not answer
"""
