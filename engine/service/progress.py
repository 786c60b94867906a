"""Where a run stands: ``progress.json`` for those who watch, a line in the log for those who read later."""

import sys
import time
from typing import Any

from engine.store.files import write_json
from engine.store.folders import RunFolder

STAGES = {
    "waiting": (0.0, 0.0), "reading data": (0.0, 0.02), "training": (0.02, 0.75), "quantizing": (0.75, 0.78),
    "searching": (0.78, 0.88), "measuring latency": (0.88, 0.98), "writing": (0.98, 1.0),
}  # fmt: skip
"""Share of a run at which a stage begins and ends, as they mostly fall when a model is trained."""
EVERY_S = 0.5


class Progress:
    """Writes progress at most twice a second, except when a stage begins."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.started = time.monotonic()
        self.written = 0.0
        self.stage = ""
        self.training_began: float | None = None
        self.trained = False
        self.fields: dict[str, Any] = {}

    def __call__(self, stage: str, message: str = "", fraction: float = 0.0, **fields: Any) -> None:
        """Record a stage, what is happening in it, and how much of it is done (0 … 1)."""
        now = time.monotonic()
        new = stage != self.stage
        self.trained |= stage == "training"
        if new:
            self.stage, self.training_began = stage, now if stage == "training" else None
        if message and (new or not fraction):
            self._say(f"{stage}: {message}")
        validated = {k: v for k, v in fields.items() if k.startswith("valid_")}
        if validated:
            metric = ", ".join(f"{name} {value:.4f}" for name, value in validated.items())
            self._say(f"epoch {fields['epoch']}/{fields['epochs']}: loss {fields['loss']:.4f}, {metric}")
        if not (new or validated) and now - self.written < EVERY_S:
            return
        self.written = now
        write_json(self.folder.file("progress.json"), {
            "stage": stage, "message": message or stage, "fraction": round(self._of_the_run(stage, fraction), 4),
            "eta_s": self._eta(fraction), "at_ns": time.time_ns(), **self._last(fields),
        })  # fmt: skip

    def _of_the_run(self, stage: str, fraction: float) -> float:
        """Return the share of the whole run; a reused checkpoint leaves the stages after training as the whole."""
        begin, end = STAGES.get(stage, (0.0, 1.0))
        done, trained = begin + (end - begin) * fraction, STAGES["training"][1]
        return (done - trained) / (1 - trained) if done >= trained and not self.trained else done

    def _last(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Keep the last validation metric in sight between validations."""
        self.fields |= fields
        return self.fields

    def _eta(self, fraction: float) -> float | None:
        """Return about how many seconds of training are left, once 2 % of it are done; None in the short other
        stages.
        """
        if self.training_began is None or fraction < 0.02:
            return None
        elapsed = time.monotonic() - self.training_began
        return round(elapsed * (1 - fraction) / fraction, 1)

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
