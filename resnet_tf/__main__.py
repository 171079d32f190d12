"""`python -m resnet_tf COMMAND`; `--help` lists the commands."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C during the imports ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from resnet_tf.cli.main import main

if __name__ == "__main__":
    main()
