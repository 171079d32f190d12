"""`python -m resnet_tf COMMAND`; `--help` lists the commands."""

from resnet_tf.cli.main import main

if __name__ == "__main__":
    main()
