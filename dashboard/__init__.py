"""The dashboard: pages that show what the engine measured and ask for more. It measures nothing itself."""
