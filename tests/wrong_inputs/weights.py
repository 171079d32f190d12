"""Checkpoints and weights that are missing, damaged or wrong: exit code 4; unusable run
folders: exit code 6."""

import pickle

from tests.wrong_inputs.case import Case, cut, edit, flip, hold, put, remove, swap

_WEIGHTS, _CONFIG = "checkpoint/model.weights.h5", "checkpoint/config.json"
_METRICS = "checkpoint/metrics.json"


class _Foreign:
    def __reduce__(self):
        return open, ("owned", "w")


def _case(name: str, command: str, text: str, given=(), harm=(), code: int = 4) -> Case:
    given = (given,) if isinstance(given, str) else given
    harm = harm if isinstance(harm, tuple) else (harm,)
    return Case(name, command, code, text, given, harm)


def _eval(name: str, text: str, harm) -> Case:
    return _case(name, "eval --ckpt=checkpoint", text, "checkpoint", harm)


def _train(name: str, flags: str, text: str, given=(), harm=(), code: int = 4) -> Case:
    command = f"train --recipe=quickstart --train_steps=4 {flags}"
    return _case(name, command, text, given, harm, code)


def _import(name: str, source: str, text: str, harm=()) -> Case:
    return _case(name, f"import {source} --output=new", text, (), harm)


CASES = [
    # Evaluation.
    _case("an unknown model", "eval --ckpt=model_9",
          "ckpt must be a checkpoint or run folder or a released model"),
    _case("an invalid name", f"eval --ckpt={'x' * 300}", "ckpt must be a checkpoi"),
    _case("an empty name", "eval --ckpt=", "received ''"),
    _case("a file for a checkpoint", f"eval --ckpt={_WEIGHTS}",
          "ckpt must be a checkpoint or run folder", "checkpoint"),
    _eval("an empty config", f"{_CONFIG} is not JSON", put(_CONFIG)),
    _eval("a config that is a list", _CONFIG, put(_CONFIG, "[]")),
    _eval("a config of bytes", _CONFIG, put(_CONFIG, b"\xff\xfe\x00")),
    _eval("an unknown setting", f"{_CONFIG}: unknown setting 'momentun'; did you mean",
          edit(_CONFIG, "optimizer", momentun=0.9)),
    _eval("an unknown section", f"{_CONFIG}: unknown section of the config 'modell'",
          edit(_CONFIG, None, modell={})),
    _eval("a setting out of range", "num_residual_blocks must be at least 1",
          edit(_CONFIG, "model", num_residual_blocks=0)),
    _eval("a word for a number", "bn_epsilon must be a number, received 'small'",
          edit(_CONFIG, "model", bn_epsilon="small")),
    _eval("another architecture", "checkpoint/",
          edit(_CONFIG, "model", num_residual_blocks=2)),
    _eval("no metrics", f"{_METRICS} is missing", remove(_METRICS)),
    _eval("metrics without SHA-256", "must have the SHA-256 that metrics.json states",
          put(_METRICS, '{"step": 1}')),
    _eval("a folder for the config", "ckpt must be a checkpoint or run folder",
          (remove(_CONFIG), put(f"{_CONFIG}/x"))),
    _eval("a folder for the weights", f"{_WEIGHTS} is missing",
          (remove(_WEIGHTS), put(f"{_WEIGHTS}/x"))),
    _eval("a word in the metrics", f"{_METRICS}: step must be a whole number",
          edit(_METRICS, None, step="one")),
    _eval("a config of nested brackets", _CONFIG, put(_CONFIG, "[" * 100_000)),
    _case("no checkpoint to predict with", "predict x.png --ckpt=nowhere",
          "ckpt must be a checkpoint or run folder"),
    _case("damaged weights to predict with", "predict pictures/ant/0.png "
          "--ckpt=checkpoint", "must have the SHA-256", ("checkpoint", "pictures"),
          flip(_WEIGHTS)),
    _case("no checkpoint to diagnose", "doctor nowhere", "ckpt must be a checkpoint"),
    _case("no checkpoint to export", "export --ckpt=nowhere --format=saved_model "
          "--output=new", "ckpt must be a checkpoint"),
    _case("damaged weights to export", "export --ckpt=checkpoint --format=saved_model "
          "--output=new", "must have the SHA-256", "checkpoint", flip(_WEIGHTS)),
    _case("no checkpoint to draw", "landscape --ckpt nowhere --output=new",
          "ckpt must be a checkpoint"),
    _case("no run to compare", "compare --runs nowhere --output=new",
          "nowhere/config.json is missing"),
    _eval("no weights", f"{_WEIGHTS} is missing", remove(_WEIGHTS)),
    _eval("empty weights", "must have the SHA-256", put(_WEIGHTS)),
    _eval("truncated weights", "must have the SHA-256 that metrics", cut(_WEIGHTS)),
    _eval("a flipped bit", "must have the SHA-256 that metrics", flip(_WEIGHTS)),
    _case("weights of another checkpoint", "eval --ckpt=checkpoint",
          "must have the SHA-256 that metrics", ("checkpoint", "folder_checkpoint"),
          swap(_WEIGHTS, "folder_checkpoint/model.weights.h5")),
    _case("another class count", "eval --ckpt=checkpoint",
          "checkpoint/", ("checkpoint", "folder_checkpoint"),
          (swap(_WEIGHTS, "folder_checkpoint/model.weights.h5"),
           swap(_METRICS, "folder_checkpoint/metrics.json"))),
    # Initial weights.
    _train("no weights to start from", "--init_from=nowhere",
           "init_from must be a checkpoint or run folder, a released model"),
    _train("weights of another network", "--init_from=model_20",
           "init_from must be the same network apart from num_classes"),
    _train("a missing file of weights", "--init_from=w.weights.h5",
           "w.weights.h5 is missing"),
    _train("a file that is not HDF5", "--init_from=w.weights.h5",
           "w.weights.h5", (), put("w.weights.h5", "text")),
    _train("torchvision's weights for another network", "--init_from=w.pth",
           "model must be resnet18 or densenet121 for torchvision's weights", (),
           put("w.pth", "text"), 2),
    _train("a file in no known home", "--init_from=~nobody_of_this_name/w.weights.h5",
           "~nobody_of_this_name/w.weights.h5 is missing"),
    _train("torchvision's weights in an unknown home folder",
           "--init_from=~nobody_of_this_name/w.pth",
           "received model=resnet with init_from=~nobody_of_this_name/w.pth", code=2),
    _train("growth from a file", "--grow --init_from=w.weights.h5",
           "grow needs a checkpoint or run folder to start from", code=2),
    _train("no teacher", "--teacher=nowhere",
           "teacher must be a checkpoint or run folder or a released model"),
    _train("a teacher of another data set", "--teacher=model_20",
           "teacher must have dataset=digits like this training, received model_20",
           code=2),
    # Run folders.
    _train("the run of another experiment", "--run_dir=checkpoint --seed=5",
           "seed (0 there, 5 here)", "checkpoint"),
    _train("a run folder with a damaged config", "--run_dir=checkpoint",
           f"{_CONFIG} is not JSON", "checkpoint", cut(_CONFIG)),
    _train("a file for a run folder", "--run_dir=notes.txt",
           "run_dir must be a folder, received notes.txt", (), put("notes.txt"), 6),
    _train("a run folder below a file", "--run_dir=notes.txt/run",
           "run folder notes.txt/run cannot be written: Not a directory", (),
           put("notes.txt"), 6),
    _train("a run folder with an invalid name", f"--run_dir={'x' * 300}",
           "cannot be written: File name too long", code=6),
    _train("a run folder that cannot be created", "--run_dir=/proc/nowhere",
           "run folder /proc/nowhere cannot be written: No such file", code=6),
    _train("a run folder in use", "--run_dir=busy", "run folder busy is in use by",
           (), hold("busy/run.lock"), 6),
    _train("the run of another network", "--run_dir=checkpoint --num_residual_blocks=2",
           "num_residual_blocks (1 there, 2 here)", "checkpoint"),
    _train("the run of another optimizer", "--run_dir=checkpoint --optimizer=adamw "
           "--init_lr=0.001", "optimizer (sgd there, adamw here)", "checkpoint"),
    # Files of other programs.
    _case("a missing .keras file", "audit mine.keras --against=resnet20",
          "mine.keras is missing"),
    _case("text for a .keras file", "audit mine.keras --against=resnet20",
          "mine.keras", (), put("mine.keras", "text")),
    _case("a truncated .keras file", "audit keras_file/m.keras --against=resnet20",
          "keras_file/m.keras", "keras_file", cut("keras_file/m.keras")),
    _case("a folder for a .keras file", "audit mine.keras --against=resnet20",
          "mine.keras", (), put("mine.keras/x")),
    _import("no weights to import", "x.pth", "x.pth is missing"),
    _import("an invalid name of weights", "x" * 300, "is missing"),
    _import("an empty file", "x.pth", "x.pth", put("x.pth")),
    _import("a file of text", "x.pth", "x.pth", put("x.pth", "text" * 100)),
    _import("a file with a function", "x.pth", "x.pth",
            put("x.pth", pickle.dumps(_Foreign(), 2))),
    _import("a file that is not what its name says", "resnet20-12fca82f.th",
            "the SHA-256 must begin with 12fca82f, as the name says",
            put("resnet20-12fca82f.th", "text")),
    _import("half a checkpoint of TF1", "model.ckpt-9", "model.ckpt-9",
            put("model.ckpt-9.index", "text")),
]  # fmt: skip
