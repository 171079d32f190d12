import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_the_kernels_are_clean_under_three_sanitizers():
    script = Path(__file__).with_name("sanitize.sh")
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    results = done.stdout.splitlines()
    assert len(results) >= 2 and all(": all finite" in line for line in results)
