"""Evaluates a released model, a checkpoint folder or a run.

python eval.py --ckpt model_20
python eval.py --ckpt runs/MY_RUN/best --split=validation
"""

import json
from pathlib import Path

from absl import flags

import hyper_parameters
import resnet_tf
from resnet_tf.errors import SettingError
from resnet_tf.machine import cores

MOST_LANES = 8  # each is a copy of the graph

hyper_parameters.define_settings(
    {"data_dir", "cache_dir", "download", "test_batch_size", "mixed_precision"}
)
flags.DEFINE_string("ckpt", None, "Released model, checkpoint folder or run folder.")
flags.DEFINE_enum("split", "test", ["test", "validation"], "Images to evaluate on.")
flags.DEFINE_string("json_output", None, "File for the result as JSON.")
flags.mark_flag_as_required("ckpt")
flags.adopt_module_key_flags(hyper_parameters)


def main() -> None:
    """Evaluates, prints and writes the result."""
    values = flags.FLAGS
    if values.json_output and not Path(values.json_output).parent.is_dir():
        raise SettingError(
            f"json_output must lie in a folder that exists, received "
            f"{values.json_output}"
        )
    result = resnet_tf.evaluate(
        values.ckpt,
        values.split,
        lanes=min(cores(), MOST_LANES),
        **hyper_parameters.explicit_settings(),
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
    if values.json_output:
        Path(values.json_output).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    hyper_parameters.run(main)
