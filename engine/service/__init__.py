"""The background engine: it drains the inbox, runs attempts in processes of their own, and keeps the catalog."""
