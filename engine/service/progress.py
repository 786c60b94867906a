"""Where a run stands: ``progress.json`` for those who watch, a line in the log for those who read later."""

import sys
import time
from functools import cached_property
from typing import Any

from engine.store.files import write_json
from engine.store.folders import RunFolder

STAGES = {
    "waiting": 0.0, "reading data": 0.02, "training": 0.73, "tuning": 0.73, "quantizing": 0.03, "searching": 0.1,
    "measuring latency": 0.1, "writing": 0.02,
}  # fmt: skip
"""How long each stage takes beside the others, in the order in which they come."""
LONG = ("training", "tuning")
"""Stages of many epochs. Not every run has them: a trained model may be stored already, few quantizers are tuned."""
EVERY_S = 0.5


class Progress:
    """Writes progress at most twice a second, except when a stage begins."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.started = time.monotonic()
        self.written = 0.0
        self.stage = ""
        self.long_began: float | None = None
        self.took_place: set[str] = set()
        self.reached = 0.0
        self.fields: dict[str, Any] = {}

    def __call__(self, stage: str, message: str = "", fraction: float = 0.0, **fields: Any) -> None:
        """Record a stage, what is happening in it, and how much of it is done (0 … 1)."""
        now = time.monotonic()
        new = stage != self.stage
        if new:
            self.stage, self.long_began, self.fields = stage, now if stage in LONG else None, {}
            self.took_place.add(stage)
        if message and (new or not fraction):
            self._say(f"{stage}: {message}")
        validated = {k: v for k, v in fields.items() if k.startswith("valid_")}
        if validated:
            metric = ", ".join(f"{name} {value:.4f}" for name, value in validated.items())
            which = "" if stage == "training" else f"{stage}, "
            self._say(f"{which}epoch {fields['epoch']}/{fields['epochs']}: loss {fields['loss']:.4f}, {metric}")
        if not (new or validated) and now - self.written < EVERY_S:
            return
        self.written = now
        write_json(self.folder.file("progress.json"), {
            "stage": stage, "message": message or stage, "fraction": round(self._of_the_run(stage, fraction), 4),
            "eta_s": self._eta(fraction), "at_ns": time.time_ns(), **self._last(fields),
        })  # fmt: skip

    def _of_the_run(self, stage: str, fraction: float) -> float:
        """Return the share of the whole run, which never falls; long stages that were passed over do not count."""
        names = list(STAGES)
        if STAGES.get(stage):  # not while waiting: to ask for `tuned` would import the engine beside a measurement
            place = names.index(stage)
            shares = {name: share for name, share in STAGES.items() if self._expected(name, names.index(name) > place)}
            done = sum(share for name, share in shares.items() if names.index(name) < place)
            self.reached = max(self.reached, (done + STAGES[stage] * fraction) / sum(shares.values()))
        return min(self.reached, 1.0)

    def _expected(self, stage: str, ahead: bool) -> bool:
        """Return whether a stage is a part of this run, as far as is known by now."""
        return stage not in LONG or stage in self.took_place or (ahead and (stage == "training" or self.tuned))

    @cached_property
    def tuned(self) -> bool:
        """Whether the quantizer of the run is trained itself; asked late, when the engine is imported anyway."""
        from engine.quantizers import REGISTRY

        method = REGISTRY.get(self.folder.spec().quantizer)
        return method is not None and method.trained

    def _last(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Keep the last validation metric in sight between validations."""
        self.fields |= fields
        return self.fields

    def _eta(self, fraction: float) -> float | None:
        """Return about how many seconds of a long stage are left, once 2 % of it are done; None in the short ones."""
        if self.long_began is None or fraction < 0.02:
            return None
        elapsed = time.monotonic() - self.long_began
        return round(elapsed * (1 - fraction) / fraction, 1)

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
