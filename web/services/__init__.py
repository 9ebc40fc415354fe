"""What the application does for a request: plain classes that are given their database and queues."""
