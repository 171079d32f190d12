"""Evaluates a released model, a checkpoint folder or a run.

python eval.py --ckpt model_20
python eval.py --ckpt runs/MY_RUN/best --split=validation
python eval.py --ckpt model_20 --report=report --against=runs/MY_RUN
"""

from collections.abc import Sequence

from resnet_tf.training.signals import end_quietly

if __name__ == "__main__":
    end_quietly()

from absl import flags

import hyper_parameters
import resnet_tf
from resnet_tf.cli import evaluation
from resnet_tf.cli.command import require_json_output, write_json_output
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
    text = "Folder for a report in depth; needs the extra resnet_tf[report]."
    flags.DEFINE_string("report", None, text, **options)
    text = "Another checkpoint, which the report tests against this one."
    flags.DEFINE_string("against", None, text, **options)


def _evaluate(values: flags.FlagValues) -> None:
    require_json_output(values.json_output)
    evaluation.require_folder(values.report, values.against)
    options = hyper_parameters.explicit_settings(values)
    options["lanes"] = min(cores(), MOST_LANES)
    checkpoint = values.ckpt, values.split
    if values.report is None:
        result = resnet_tf.evaluate(*checkpoint, **options)
        evaluation.show(result)
    else:
        result = evaluation.report(values.report, *checkpoint, values.against, options)
    write_json_output(values.json_output, result)


if __name__ == "__main__":
    main()
