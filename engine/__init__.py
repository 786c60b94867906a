"""The engine of Fewbits: trains, quantizes, searches, measures and stores; knows nothing of the dashboard."""

from engine import compiled

__version__ = "0.1.0"

compiled.keep_apart()
