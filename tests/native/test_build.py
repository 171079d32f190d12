"""The kernels compile without warnings, and for other processors."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "resnet_tf" / "native" / "src"
CROSS, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"


def needs(*programs):
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}")


def build(tmp_path, **variables) -> tuple[str, bool]:
    """Builds as `pip install` does; returns the output and whether a library exists."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--force"]
    command += [f"--build-temp={tmp_path}/temp", f"--build-lib={tmp_path}/lib"]
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True
    )
    assert answer.returncode == 0
    library = tmp_path / "lib" / "resnet_tf" / "native" / "_kernels.so"
    return (answer.stdout + answer.stderr).decode(), library.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("c", "cxx"),
    [
        pytest.param("gcc", "g++", marks=needs("g++")),
        pytest.param("clang", "clang++", marks=needs("clang++")),
    ],
)
def test_compilers_give_no_warnings(tmp_path, c, cxx):
    strict = {"CFLAGS": "-Werror", "CXXFLAGS": "-Werror"}
    assert build(tmp_path, CC=c, CXX=cxx, **strict) == ("", True)


def test_the_build_succeeds_without_a_compiler(tmp_path):
    said, built = build(tmp_path, CC="false", CXX="false")
    assert not built
    assert "resnet_tf.native._kernels" in said


@pytest.mark.slow
@needs(CROSS, EMULATOR)
def test_the_kernels_for_aarch64(tmp_path):
    program = tmp_path / "check"
    sources = [SOURCES / "kernels.cpp", SOURCES / "pool.cpp"]
    sources.append(Path(__file__).with_name("check.cpp"))
    compiled = subprocess.run(
        [
            CROSS,
            *("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-static"),
            *("-ffp-contract=fast", "-DKERNELS=baseline", f"-I{SOURCES}"),
            *map(str, sources),
            *("-o", str(program), "-lpthread"),
        ],
        capture_output=True,
        text=True,
    )
    assert (compiled.returncode, compiled.stderr) == (0, "")
    answer = subprocess.run([EMULATOR, program], capture_output=True, text=True)
    assert answer.stdout == "all finite\n"
