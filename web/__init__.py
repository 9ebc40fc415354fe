"""The HTTP side: an app factory, thin routes, services that know no Flask, and the dashboard under /admin."""
