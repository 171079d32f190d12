"""Convert published weights of another project to a checkpoint folder."""

import argparse

from resnet_tf.disk import user_path
from resnet_tf.interop.files import require_new
from resnet_tf.startup import import_tensorflow

# The name of the command; "import" is not a valid module name.
NAME = "import"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="PyTorch or safetensors file from akamaster, chenyaofo, kuangliu, "
        "gpleiss, bearpaw, andreasveit, torchvision or the UvA tutorial 5, or the "
        "prefix of a TF1 checkpoint, e.g. model_110.ckpt-79999. The network is "
        "recognized.",
    )
    parser.add_argument(
        "--key",
        help="Key of the network in the file, e.g. ema_state_dict, if the file holds "
        "several.",
    )
    parser.add_argument("--output", required=True, help="New folder to write.")
    parser.add_argument(
        "--split",
        default="test",
        choices=("test", "validation"),
        help="Images to evaluate on.",
    )
    parser.add_argument(
        "--data_dir",
        help="Folder of the data set. A TF1 checkpoint has no moving averages of "
        "batch norm; they are computed from the training images in this folder.",
    )
    parser.add_argument(
        "--bn_eval",
        choices=("moving", "batch"),
        help="Statistics of batch norm in evaluation for a TF1 checkpoint: moving "
        "averages, or each batch's own, as in the original code [moving with "
        "--data_dir, else batch].",
    )
    parser.add_argument("--cache_dir", help="Folder of decoded images.")


def run(arguments: argparse.Namespace) -> None:
    """Writes the checkpoint folder and prints a summary.

    Raises:
        CheckpointError: If the weights are missing, damaged or not recognized.
        DataError: If the training images for the moving averages are not available.
        OutputError: If the output already exists or cannot be written.
        SettingError: If `bn_eval` is given for a file that has moving averages.
    """
    output = user_path(arguments.output)
    require_new(output)
    import_tensorflow()
    from resnet_tf.interop.import_weights import import_weights

    metrics = import_weights(
        user_path(arguments.source),
        output,
        key=arguments.key,
        split=arguments.split,
        data_dir=arguments.data_dir,
        cache_dir=arguments.cache_dir,
        bn_eval=arguments.bn_eval,
    )
    print(
        f"{output}: {metrics['family']}, {metrics['tensors']} tensors, "
        f"{metrics['parameters']:,} parameters"
    )
    for note in metrics["notes"]:
        print(note)
    if metrics["published_error"] is not None:
        print(
            f"published error {metrics['published_error']:.2f} % "
            f"({metrics['published_where']})"
        )
    print(_measured(metrics, arguments.split))


def _measured(metrics, split: str) -> str:
    if "not_evaluated" in metrics:
        return f"error not measured: {metrics['not_evaluated']}"
    low, high = metrics[f"{split}_interval"]
    return (
        f"error {metrics[f'{split}_error']:.2f} % (n = {metrics[f'n_{split}']}, 95 % "
        f"interval {low:.2f} to {high:.2f} %)"
    )
