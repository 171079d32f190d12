import pytest

from resnet_tf.config import parse_object


def test_an_object():
    content = b'{"a": [1, -2.5, "\xc3\xa4", null, true], "b": {"c": 9007199254740993}}'
    expected = {"a": [1, -2.5, "ä", None, True], "b": {"c": 9007199254740993}}
    assert parse_object(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1', "delimiter"),
        (b'{"a": 1} {}', "Extra data"),
        (b"[]", "must hold a JSON object"),
        (b"7", "must hold a JSON object"),
        (b'{"a": NaN}', "numbers must be finite, received NaN"),
        (b'{"a": -Infinity}', "numbers must be finite, received -Infinity"),
        (b'{"a": 1e999}', "numbers must be finite, received 1e999"),
        (b'{"a": 9223372036854775808}', "must fit in 64 bits, received 92233720368"),
        (b'{"a": %s}' % (b"9" * 900_000), "must fit in 64 bits, received 99999"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' must occur once"),
        (b'{"x": {"a": 1, "a": 1}}', "the key 'a' must occur once"),
        (b'{"a": "\xff"}', "codec can't decode byte 0xff"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
        (b'{"\\ud800": 1}', "surrogates not allowed"),
        (b'{"a": "\n"}', "Invalid control character"),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "nested too deep"),
        (b'{"a": ' + b"[" * 500_000, "nested at most 32 deep"),
        (b'{"a": "' + b"x" * (1 << 20) + b'"}', "at most 1048576 bytes"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_invalid_json_is_refused(content, message):
    with pytest.raises(ValueError) as caught:
        parse_object(content)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_the_caller_sets_the_limits():
    content = b'{"a": [[1]]}'
    assert parse_object(content, max_bytes=12, max_depth=3) == {"a": [[1]]}
    with pytest.raises(ValueError, match="at most 11 bytes"):
        parse_object(content, max_bytes=11)
    with pytest.raises(ValueError, match="too deep"):
        parse_object(content, max_depth=2)


def test_a_repeated_key_at_the_end_of_many_is_found_in_one_pass():
    """Comparing each key with all others would take minutes here."""
    keys = b",".join(b'"%d":0' % number for number in range(90_000))
    with pytest.raises(ValueError, match="the key '89999' must occur once"):
        parse_object(b"{%s,%s}" % (keys, b'"89999":1'))
