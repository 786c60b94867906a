"""The engine of Fewbits: trains, quantizes, searches, measures and stores; knows nothing of the dashboard."""

__version__ = "0.1.0"
