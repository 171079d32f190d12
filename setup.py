"""Package metadata of resnet_tf."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# What writes and runs exported models; the tests do both.
EXPORT = ["ai-edge-litert>=2.3", "onnx>=1.23", "onnxruntime>=1.32", "tf2onnx>=1.17"]
# What the reports of `compare` and `eval.py` take.
REPORT = ["jinja2>=3.1.6", "scipy>=1.17"]

setup(
    name="resnet_tf",
    version="0.1.0",
    description="Paper-exact CIFAR ResNet, DenseNet and GoogLeNet in TensorFlow/Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    # The released models lie beside the package in a clone, inside it in a wheel.
    packages=[*find_packages(include=["resnet_tf*"]), "resnet_tf.pretrained"],
    package_dir={"resnet_tf.pretrained": "pretrained"},
    package_data={
        "resnet_tf.data.digits": ["digits.npz"],
        "resnet_tf.reporting": ["page.html.j2"],
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
            "pdoc>=16.0",
            "pytest>=9.2",
            "pytest-xdist>=3.8",
            "ruff>=0.17",
            *EXPORT,
            *REPORT,
        ],
        "export": EXPORT,
        "gpu": ["tensorflow[and-cuda]>=2.21"],
        "report": REPORT,
    },
)
