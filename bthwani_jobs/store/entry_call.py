"""RQ's ``data`` field of every job of ours: one constant call, so nothing a caller passed is ever
unpickled."""

#: ``("bthwani_jobs.run_job", None, (), {})``, pickle protocol 1, no memo: 31 bytes, readable by RQ
#: (which accepts it uncompressed), and short enough for the compact form of a Redis hash.
ENTRY_CALL = b"(X\x14\x00\x00\x00bthwani_jobs.run_jobN)}t."
