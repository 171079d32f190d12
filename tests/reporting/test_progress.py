import shlex

from resnet_tf.reporting.progress import closing

SUMMARY = {"validation_error": 1.0, "n_validation": 5, "seconds": 2.0}


def test_the_next_command_can_be_pasted():
    line = closing(SUMMARY, "my runs/ü", "my data/it's")[-1]
    said, command = line.split("; try: ")
    assert said == "everything is in my runs/ü"
    assert shlex.split(command) == [
        *("python", "eval.py", "--ckpt", "my runs/ü", "--data_dir=my data/it's"),
    ]
    plain = closing(SUMMARY, "runs/x", None)[-1]
    assert plain.endswith("try: python eval.py --ckpt runs/x")
