import json

import pytest

from resnet_tf.cli.main import main
from resnet_tf.config import RECIPES


def test_the_list_has_one_line_per_recipe(capsys):
    main(["recipes"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RECIPES)
    assert "wenxinxu" in lines[0] and "TF1" in lines[0]


def test_one_recipe_with_its_source(capsys):
    main(["recipes", "he2015"])
    text = capsys.readouterr().out
    assert text.startswith("He et al. 2015")
    assert "train_steps" in text and "64000" in text


def test_one_recipe_as_json(capsys):
    main(["recipes", "akamaster", "--json"])
    values = json.loads(capsys.readouterr().out)
    expected = json.loads(json.dumps(dict(RECIPES["akamaster"])))
    assert values == expected


def test_the_difference_of_two_recipes(capsys):
    main(["recipes", "uvadlc_sgd", "uvadlc_adamw"])
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert dict(rows) == {
        "model": "uva_resnet | uva_googlenet",
        "optimizer": "sgd | adamw",
        "init_lr": "0.1 | 0.001",
    }


def test_a_recipe_equals_itself(capsys):
    main(["recipes", "onecycle", "onecycle"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["onecicle"], "unknown recipe 'onecicle'; did you mean onecycle"),
        (["a", "b", "c"], "recipes takes at most two names, received 3"),
    ],
)
def test_wrong_names(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["recipes", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"error: {message}\n"
