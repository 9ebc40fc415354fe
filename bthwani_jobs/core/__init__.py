"""What the queue decides, without doing it.

Nothing here talks to Redis, starts a thread or reads a clock: the time comes in as ``now_ms``. Only the
standard library and croniter are imported, so every rule can be tested in microseconds.
"""
