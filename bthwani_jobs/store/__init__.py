"""The only code that talks to Redis.

Each transition is one Lua script in ``lua/``, called through one typed function here. Scripts get payloads as
opaque text (cjson turns ``[]`` into ``{}``); callers never see a list of keys. Nothing here decides anything.
"""
