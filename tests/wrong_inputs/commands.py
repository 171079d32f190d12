"""Arguments of `python -m resnet_tf`: exit code 2."""

from tests.wrong_inputs.case import Case, put

_LONG = "x" * 300


def _case(name: str, command: str, text: str, **options) -> Case:
    return Case(name, command, 2, text, **options)


CASES = [
    _case("no command", "", "arguments are required: COMMAND"),
    _case("an unknown command", "pedict", "argument COMMAND: invalid choice: 'pedict'"),
    _case("an unknown argument", "recipes --jsn", "unrecognized arguments: --jsn"),
    _case("an abbreviation", "models --spee", "unrecognized arguments: --spee"),
    _case("an unknown recipe", "recipes wenxin", "unknown recipe 'wenxin'; did you"),
    _case("three recipes", "recipes he2015 he2015 he2015", "at most two names, rec"),
    _case("an unknown network to audit", "audit resnet21", "unknown network 'res"),
    _case("a file without --against", "audit mine.keras", "--against go together"),
    _case("--against without a file", "audit --against=resnet20", "go together"),
    _case("against nothing known", "audit mine.keras --against=resnet21",
          "unknown network 'resnet21'; did you mean"),
    _case("an unknown network to measure", "bench --model=resnet21", "'resnet21'; did"),
    _case("an empty batch to measure", "bench --batch=0", "batch must be at least 1"),
    _case("a word for a batch", "bench --batch=two", "invalid int value: 'two'"),
    _case("negative time", "bench --seconds=-1", "seconds must be at least 0"),
    _case("endless time", "bench --seconds=inf", "seconds must be at least 0"),
    _case("unknown work", "bench --work=sleep", "--work: invalid choice: 'sleep'"),
    _case("an argument beside flags", "bench resnet20", "unrecognized arguments: resn"),
    _case("figures in no folder", "bench --json_output=no/b.json",
          "json_output must be a file in a folder that exists, received no/b.json"),
    _case("figures of models in a folder", "models --json_output=.",
          "json_output must be a file in a folder that exists, received ."),
    _case("weights to nowhere", "import x.pth", "arguments are required: --output"),
    _case("weights over a file", "import x.pth --output=y",
          "output must be a new or an empty folder, received y", harm=(put("y"),)),
    _case("weights into a full folder", "import x.pth --output=y",
          "output must be a new or an empty folder, received y", harm=(put("y/z"),)),
    _case("weights to a name that is none", f"import x.pth --output={_LONG}",
          "cannot be used: File name too long"),
    _case("an unknown split", "import x.pth --output=y --split=train",
          "argument --split: invalid choice: 'train'"),
    _case("unknown statistics", "import x.pth --output=y --bn_eval=none",
          "argument --bn_eval: invalid choice: 'none'"),
    _case("a sheet to nowhere", "preview --dataset=digits",
          "arguments are required: --output"),
    _case("a sheet of another kind", "preview --dataset=digits --output=s.jpg",
          "output must be a .png file in a folder that exists, received s.jpg"),
    _case("a sheet in no folder", "preview --dataset=digits --output=no/s.png",
          "output must be a .png file in a folder that exists, received no/s.png"),
    _case("a folder for a sheet", "preview --dataset=digits --output=s.png",
          "output must be a .png file in a folder that exists, received s.png",
          harm=(put("s.png/x"),)),
    _case("a sheet of a name that is none",
          f"preview --dataset=digits --output={_LONG}.png",
          "cannot be written: File name too long"),
    _case("a setting out of range", "preview --output=s.png --padding_size=33",
          "padding_size must be at most 32, received 33"),
    _case("a word for a boolean", "preview --output=s.png --flip=maybe",
          "invalid boolean value: 'maybe'"),
    _case("a recipe that is none", "preview --output=s.png --recipe=fast",
          "argument --recipe: invalid choice: 'fast'"),
]  # fmt: skip
