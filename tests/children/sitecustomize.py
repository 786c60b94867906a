"""Python imports this by itself in the processes that tests start: there is less to wait for in them.

How many samples a latency needs is the business of tests/measure. The demo has the same steps with four formats as
with eight.
"""

import importlib.util
import sys

FEWER = {
    "engine.measure.latency": {"SAMPLE_S": 0.02, "MAX_S": 0.1, "COLD": 1, "AGAIN": 0},
    "engine.measure.calibration": {"STEPS": 1000},
    "dashboard.demo": {"METHODS": (("float32", 32, {}), ("uniform", 4, {}), ("sign", 1, {}), ("itq", 1, {}))},
}
"""Module → constant → value while testing."""


class _Fewer:
    """Lets a module be found as always, and changes its constants once it is loaded."""

    @staticmethod
    def find_spec(name, _path=None, _target=None):
        if name not in FEWER or name in _Fewer.found:
            return None
        _Fewer.found.add(name)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            for constant, value in FEWER[name].items():
                getattr(module, constant)  # one that is no longer there would be set in vain
                setattr(module, constant, value)

        spec.loader.exec_module = load_and_change
        return spec

    found: set[str] = set()  # noqa: RUF012


if __name__ == "sitecustomize":  # elsewhere only FEWER is wanted
    sys.meta_path.insert(0, _Fewer)
