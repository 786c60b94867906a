"""Measuring: ranking quality per user, latency of single queries, and what machine it was."""
