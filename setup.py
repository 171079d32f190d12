"""Builds the native kernels; pyproject.toml has the metadata."""

import platform
import runpy
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("resnet_tf/native/src")
digest = runpy.run_path("resnet_tf/native/sources.py")["digest"]
# The kernels are compiled once for each instruction set; the library takes the best
# that the CPU has when it is loaded.
INSTRUCTIONS = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    INSTRUCTIONS["avx2"] = ["-mavx2", "-mfma"]
    INSTRUCTIONS["avx512"] = [
        *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"),
        "-mprefer-vector-width=512",
    ]


class BuildKernels(build_ext):
    """Compiles the native kernels, and leaves them out if there is no compiler."""

    def build_extension(self, ext):
        if self.compiler.compiler_type != "unix":
            return self.warn("the native kernels need g++ or clang; left out")
        common = [
            "-std=c++17",
            "-O3",
            "-g0",
            "-fPIC",
            "-fvisibility=hidden",
            "-Wall",
            "-Wextra",
        ]
        numbers = ["-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
        folder = Path(self.build_temp) / ext.name
        objects = self.compiler.compile(
            sorted(map(str, set(KERNELS.glob("*.cpp")) - {KERNELS / "kernels.cpp"})),
            output_dir=str(folder),
            macros=[("SOURCES", f'"{digest(KERNELS)}"')],
            extra_postargs=common,
        )
        for name, flags in INSTRUCTIONS.items():
            objects += self.compiler.compile(
                [str(KERNELS / "kernels.cpp")],
                output_dir=str(folder / name),
                macros=[("KERNELS", name)],
                extra_postargs=[*common, *numbers, *flags],
            )
        self.compiler.link_shared_object(
            objects,
            self.get_ext_fullpath(ext.name),
            libraries=["dl", "pthread"],
            target_lang="c++",
        )

    def get_ext_filename(self, fullname):
        # No Python module: one name for every version of Python.
        return str(Path(*fullname.split("."))) + ".so"


setup(
    # The released models lie beside the package in a clone, inside it in a wheel.
    packages=[*find_packages(include=["resnet_tf*"]), "resnet_tf.pretrained"],
    package_dir={"resnet_tf.pretrained": "pretrained"},
    ext_modules=[
        Extension("resnet_tf.native._kernels", sources=[], optional=True),
    ],
    cmdclass={"build_ext": BuildKernels},
)
