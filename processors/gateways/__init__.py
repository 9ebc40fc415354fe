"""The outside world, each part behind one small protocol; what stands here by default needs no account."""
