import shlex

import pytest

from resnet_tf.reporting.provenance import command_line, without_folders


def test_paths_are_reduced_to_file_names():
    same = "no module 'a.b', see https://x.org/y and docs/z at 3 images/s"
    assert without_folders(same) == same
    text = "/opt/lib/libx.so: cannot open (~/.cache/y.bin, '../venv/bin/python')"
    expected = "libx.so: cannot open (y.bin, 'python')"
    assert without_folders(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/alice/Secret Project/runs/x", "x"),
        ("/home/alice/Secret Project/my run", "my run"),
        ("/home/alice/Secret Project/", "Secret Project/"),
        ("/home/alice/Secret /x", "x"),
        ("/home/alice/O'Brien's Runs/x", "x"),
        ("/home/alice/Project (old), v2/x", "x"),
        ("//share/My Project/x", "x"),
        ("~alice/Secret Project/x", "x"),
        ("--ckpt=../Secret Project/x", "--ckpt=x"),
        (
            "no file /home/alice/Secret Project/x: is it there?",
            "no file x: is it there?",
        ),
        ("no file '/home/a b/c d.bin', '~/e f/g'", "no file 'c d.bin', 'g'"),
        ("/", "/"),
    ],
)
def test_folders_with_spaces_are_removed_too(text, expected):
    assert without_folders(text) == expected


def test_a_command_can_be_pasted():
    arguments = ["compare", "--runs", "/home/me/my runs/a b", "--output=../c d", "ü"]
    line = command_line("python -m resnet_tf", arguments)
    assert shlex.split(line)[3:] == ["compare", "--runs", "a b", "--output=c d", "ü"]


def test_a_command_line_has_no_path_of_this_machine():
    arguments = ["--runs", "/home/me/runs/a", "runs/b", "--output=../c", "--seeds=0,1"]
    assert command_line("python -m resnet_tf", ["compare", *arguments]) == (
        "python -m resnet_tf compare --runs a runs/b --output=c --seeds=0,1"
    )
