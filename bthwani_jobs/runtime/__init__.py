"""The worker side: handlers are declared, bound, run; leases kept; stalled jobs recovered."""
