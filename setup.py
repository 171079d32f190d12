"""Package metadata of resnet_tf."""

import platform
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
KERNELS = Path("resnet_tf/native/src")
# The kernels are compiled once for each instruction set; the library takes the best
# that the CPU has when it is loaded.
INSTRUCTIONS = {"baseline": []}
if platform.machine() in ("x86_64", "AMD64"):
    INSTRUCTIONS["avx2"] = ["-mavx2", "-mfma"]
    INSTRUCTIONS["avx512"] = [
        *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"),
        "-mprefer-vector-width=512",
    ]
# What writes and runs exported models; the tests do both.
EXPORT = ["ai-edge-litert>=2.3", "onnx>=1.23", "onnxruntime>=1.32", "tf2onnx>=1.17"]
# What builds the site (mkdocs.yml) and runs its notebook.
DOCS = [
    "ipykernel>=7.4",
    "mkdocs>=1.6,<2",
    "mkdocs-jupyter>=0.26",
    "mkdocs-material>=9.8",
    "mkdocstrings[python]>=1.0",
    "nbclient>=0.11",
]
# What the reports of `compare` and `eval.py` take.
REPORT = ["jinja2>=3.1.6", "scipy>=1.17"]


class BuildKernels(build_ext):
    """Compiles the native kernels. Without a compiler the installation goes on."""

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
    name="resnet_tf",
    version="0.1.0",
    description="Paper-exact CIFAR ResNet, DenseNet and GoogLeNet in TensorFlow/Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    # TensorFlow 2.21 has no files for Python 3.14.
    python_requires=">=3.11,<3.14",
    # The released models lie beside the package in a clone, inside it in a wheel.
    packages=[*find_packages(include=["resnet_tf*"]), "resnet_tf.pretrained"],
    ext_modules=[
        Extension("resnet_tf.native._kernels", sources=[], optional=True),
    ],
    cmdclass={"build_ext": BuildKernels},
    entry_points={"console_scripts": ["resnet_tf = resnet_tf.__main__:main"]},
    package_dir={"resnet_tf.pretrained": "pretrained"},
    package_data={
        "resnet_tf.data.digits": ["digits.npz"],
        "resnet_tf.analysis": ["page.html.j2"],
        "resnet_tf.pretrained": ["*/*.h5", "*/*.json", "*/*.md", "*/*.csv"],
    },
    # Lower bounds are the versions that the tests ran with.
    install_requires=[
        "absl-py>=2.5",
        "h5py>=3.14",
        # tensorflow-datasets 4.9.10 needs it to prepare CIFAR, but does not say so.
        "importlib_resources>=7.1",
        "keras>=3.15.1,<4",
        "matplotlib>=3.11",
        "numpy>=2.4",
        "pillow>=12.0",
        "rich>=15.0",
        # No longer a part of TensorFlow 2.21; tf.summary needs it.
        "tensorboard>=2.21",
        "tensorflow>=2.21",
        "tensorflow-datasets>=4.9.10",
    ],
    extras_require={
        # The peer of `benchmarks/run.py`, in a virtual environment of its own.
        "bench": ["torch==2.13.0"],
        "dev": [
            "build>=1.5",
            "hypothesis>=6.170",
            "pytest>=9.2",
            "pytest-xdist>=3.8",
            "ruff>=0.17",
            *DOCS,
            *EXPORT,
            *REPORT,
        ],
        "docs": DOCS,
        "export": EXPORT,
        "gpu": ["tensorflow[and-cuda]>=2.21"],
        "report": REPORT,
    },
)
