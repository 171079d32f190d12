"""A loop with a known speed, for the tests of the harness."""

import os
from types import SimpleNamespace

from harness import serve


def make(spec):
    """Returns a loop that takes 10 ms per step, or 5 ms with the variant "fast".

    It has a clock of its own. No two processes are equally fast: each adds a little,
    which depends on its process number.
    """
    if spec["variant"] == "absent":
        raise ImportError("No module named 'nothing'")
    if spec["variant"] == "fails":
        raise ValueError("line one\nthe last line")
    seconds = 0.005 if spec["variant"] == "fast" else 0.01
    seconds += os.getpid() * 1e-12
    now = 0.0
    serve.time = SimpleNamespace(perf_counter=lambda: now)
    print("what a library says goes elsewhere")

    def run(steps):
        nonlocal now
        if spec["variant"] == "dies":
            os._exit(3)
        now += steps * seconds

    parameters = 11 if spec["variant"] == "other" else 10
    facts = {"amount": spec["batch"] // spec["processes"], "parameters": parameters}
    return run, facts | (
        {"operations_per_image": 6000} if spec["side"] == "ours" else {}
    )


if __name__ == "__main__":
    serve.serve(make)
