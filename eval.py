"""Evaluates a released model, a checkpoint folder or a run.

python eval.py --ckpt model_20
python eval.py --ckpt runs/MY_RUN/best --split=validation
"""

import json
from collections.abc import Sequence

from absl import flags

import hyper_parameters
import resnet_tf
from resnet_tf.cli import json_output
from resnet_tf.machine import cores

MOST_LANES = 8  # each is a copy of the graph
_SETTINGS = {"data_dir", "cache_dir", "download", "test_batch_size", "mixed_precision"}


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes; `argv` is that of the process if None."""
    hyper_parameters.run(_evaluate, _define, __doc__, argv)


def _define(values: flags.FlagValues) -> None:
    hyper_parameters.define_settings(values, _SETTINGS)
    options = {"flag_values": values}
    text = "Released model, checkpoint folder or run folder."
    flags.DEFINE_string("ckpt", None, text, required=True, **options)
    splits = ["test", "validation"]
    flags.DEFINE_enum("split", "test", splits, "Images to evaluate on.", **options)
    flags.DEFINE_string("json_output", None, "File for the result as JSON.", **options)


def _evaluate(values: flags.FlagValues) -> None:
    json_output.require_room(values.json_output)
    result = resnet_tf.evaluate(
        values.ckpt,
        values.split,
        lanes=min(cores(), MOST_LANES),
        **hyper_parameters.explicit_settings(values),
    )
    low, high = result["interval"]
    print(f"{result['checkpoint']} on {result['dataset']} {result['split']}")
    print("preprocessing", json.dumps(result["preprocessing"]))
    for name, error in result["per_class_error"].items():
        print(f"  {name:12} {error:6.2f} %" if error is not None else f"  {name:12} -")
    print(f"loss {result['loss']:.4f}")
    print(
        f"error {result['error']:.2f} % (n = {result['n']}, 95 % interval "
        f"{low:.2f} to {high:.2f} %)"
    )
    json_output.write(values.json_output, result)


if __name__ == "__main__":
    main()
