"""Runs `python -m resnet_tf COMMAND`; `--help` lists the commands."""

from resnet_tf.training.signals import end_quietly

if __name__ in ("__main__", "__mp_main__"):
    end_quietly()

from resnet_tf.cli.main import main

if __name__ == "__main__":
    main()
