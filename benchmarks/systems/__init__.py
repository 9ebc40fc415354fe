"""One program a system, each as its users would write it: `add`, `add_bulk` or `work`, see `common`."""
