from resnet_tf.reporting.paths import command_line, without_folders


def test_paths_lose_their_folders():
    same = "no module 'a.b', see https://x.org/y and docs/z at 3 images/s"
    assert without_folders(same) == same
    text = "/opt/lib/libx.so: cannot open (~/.cache/y.bin, '../venv/bin/python')"
    expected = "libx.so: cannot open (y.bin, 'python')"
    assert without_folders(text) == expected


def test_a_command_holds_no_path_of_this_machine():
    arguments = ["--runs", "/home/me/runs/a", "runs/b", "--output=../c", "--seeds=0,1"]
    assert command_line("python -m resnet_tf", ["compare", *arguments]) == (
        "python -m resnet_tf compare --runs a runs/b --output=c --seeds=0,1"
    )
