import subprocess

import pytest

from resnet_tf.shell import word

NAMES = ["a b", "ü", "a'b", '"$HOME"', "~/x", "-x", "a\nb'\\", "\x1b[2J", "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shell_reads_the_path(name):
    command = f"printf %s {word(name)}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    expected = f"./{name}" if name.startswith("-") else name
    assert said.stdout.decode(errors="surrogateescape") == expected
    assert command.isprintable()
