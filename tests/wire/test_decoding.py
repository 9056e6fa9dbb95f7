"""Calls as clients write them, and as they should not: what the decoders make of them."""

from __future__ import annotations

import itertools
import random
from xmlrpc.client import dumps

import pytest

from tests.wire.conftest import string, xml_call
from xapi_async.rpc.call import DateTime
from xapi_async.rpc.convert import check_text
from xapi_async.wire import jsonrpc
from xapi_async.wire.call_format import BadRequestError
from xapi_async.wire.xmlrpc.decode import XmlCall, decode_any, decode_call
from xapi_async.wire.xmlrpc.plain import decode_plain

DEPTH = 20


def params(*values: str) -> list[object]:
    return decode_any(xml_call("m", *values), DEPTH).params


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<value/>", ""),
        ("<value></value>", ""),
        ("<value> a b </value>", " a b "),
        ("<value><string/></value>", ""),
        ("<value> <string> a </string> </value>", " a "),
        ("<value>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</value>", "<>&\"'AB"),
        ("<value>a\r\nb\rc</value>", "a\nb\nc"),
        ("<value>&#13;</value>", "\r"),
        ("<value><![CDATA[<a>&b]]></value>", "<a>&b"),
        ("<value>a<!-- no -->b</value>", "ab"),
        ("<value><int>42</int></value>", 42),
        ("<value><i4> -7 </i4></value>", -7),
        ("<value><i8>9223372036854775807</i8></value>", 2**63 - 1),
        ("<value><int>9223372036854775808</int></value>", 2**63),  # no 64 bits: refused where it is converted
        ("<value><boolean>1</boolean></value>", True),
        ("<value><boolean>true</boolean></value>", False),
        ("<value><boolean>0</boolean></value>", False),
        ("<value><double>1.5e3</double></value>", 1500.0),
        ("<value><double>-.5</double></value>", -0.5),
        ("<value><array/></value>", []),
        ("<value><array><data/></array></value>", []),
        ("<value><array> <data> <value>a</value> <value><int>1</int></value> </data> </array></value>", ["a", 1]),
        ("<value><struct/></value>", {}),
        ("<value><struct><member><name>a&amp;</name><value>b</value></member></struct></value>", {"a&": "b"}),
        ("<value><nil/></value>", None),
        ("<value><base64>aGVs\nbG8=</base64></value>", "hello"),
    ],
)
def test_values_in_xml(text: str, expected: object) -> None:
    (value,) = params(text)
    assert value == expected
    assert type(value) is type(expected)


def test_dates_and_special_numbers_in_xml() -> None:
    date, nan, inf = params(
        "<value><dateTime.iso8601>2018-x</dateTime.iso8601></value>",
        "<value><double>nan</double></value>",
        "<value><double>-inf</double></value>",
    )
    assert date == "2018-x"
    assert type(date) is DateTime
    assert nan != nan
    assert inf == float("-inf")


def test_base64_can_hold_what_xml_cannot() -> None:
    assert decode_any(xml_call("m", "<value><base64>AA==</base64></value>"), DEPTH) == XmlCall("m", ["\0"], False)
    assert params("<value><base64>/w==</base64></value>") == ["\udcff"]
    assert decode_any(xml_call("m", "<value>a</value>"), DEPTH).is_text_legal


@pytest.mark.parametrize(
    "value",
    [
        "<value>a<int>1</int></value>",
        "<value><int>1</int>a</value>",
        "<value><int>1</int><int>1</int></value>",
        "<value><int></int></value>",
        "<value><int>1_0</int></value>",
        "<value><int>0x10</int></value>",
        f"<value><int>{'9' * 5000}</int></value>",
        "<value><double>1,5</double></value>",
        "<value><double>1_0</double></value>",
        "<value><float>1</float></value>",
        "<value><string><b>a</b></string></value>",
        "<value><array>a</array></value>",
        "<value><array><value/></array></value>",
        "<value><array><data/><data/></array></value>",
        "<value><struct><name>a</name></struct></value>",
        "<value><struct><member><name>a</name></member></struct></value>",
        "<value><struct><member><value>a</value><name>a</name></member></struct></value>",
        "<value><struct><member/></struct></value>",
        "<value><base64>*</base64></value>",
        "<value>]]></value>",
        "<value>&unknown;</value>",
        "<string>a</string>",
        "",
        "a",
    ],
)
def test_values_that_are_none(value: str) -> None:
    with pytest.raises(BadRequestError):
        decode_any(xml_call("m", value), DEPTH)


def test_depth_is_limited() -> None:
    def nested(levels: int) -> str:
        return "<value><array><data>" * levels + "</data></array></value>" * levels

    assert params(nested(DEPTH))
    with pytest.raises(BadRequestError):
        params(nested(DEPTH + 2))
    flat = xml_call("m", f"<value><array><data>{string('a')}</data></array></value>")
    assert decode_call(flat, 2).params == [["a"]]
    with pytest.raises(BadRequestError):
        decode_call(flat, 1)
    text = "[" * 100 + "]" * 100
    call = f'{{"method": "m", "params": [{text}], "id": 1}}'.encode()
    assert jsonrpc.decode_call(call, 100)
    with pytest.raises(BadRequestError):
        jsonrpc.decode_call(call, 99)
    brackets = '"' + "[" * 200 + '\\""'
    assert jsonrpc.decode_call(f'{{"method": "m", "params": [{brackets}], "id": 1}}'.encode(), 5)


PIECES = (
    "<value>", "</value>", "<string>", "</string>", "<param>", "</param>", "<params>", "</params>", "<methodName>",
    "</methodName>", "<methodCall>", "</methodCall>", "<string/>", "<value/>", "VM.get_record", "OpaqueRef:1-2", " ",
    "\n", "\r\n", "\t", "<", "&amp;", "&", "]]>", ">", "\x01", "\x7f", "\u20ac", "\ufffe", "\ufeff", "\U0001f600",
    '<?xml version="1.0"?>', "<?xml version='1.0' encoding='UTF-8'?>", "<?xml version='1.0' encoding='latin-1'?>",
    "<!-- a -->", "<int>1</int>", "<nil/>", "</i4>", "<array>", "</array>", "<data>", "</data>", "<double>",
    "</double>", "<boolean>", "</boolean>", "<int>", "</int>", "0", "1", "-", ".5", "1e3", "7" * 20,
)  # fmt: skip

COMMON = [
    dumps(("OpaqueRef:1", "b"), "VM.get_record").encode(),
    dumps((), "VM.get_all").encode(),
    dumps(("a", "b", "c", "d"), "VM.x").encode(),
    dumps(("a", "b", "c", "d", "e"), "VM.x").encode(),
    xml_call("VM.get_record", "<value>a</value>", string("b")),
    b'<?xml version="1.0"?>' + xml_call("Async.VM_start", string("a b\n")),
    dumps(("OpaqueRef:1", ["vm", "task"], "0007,0001", 30.0), "event.from").encode(),
    dumps(("OpaqueRef:1", [], "", 30), "event_from").encode(),
    dumps(("OpaqueRef:1", "b", True, False), "VM.start").encode(),
    xml_call("m", "<value><array><data><value>a</value><value/></data></array></value>"),
    xml_call("m", "<value><array><data> <value>a</value> <value></value> </data></array></value>"),
    dumps((["vm"] * 256,), "m").encode(),
    dumps((["vm"] * 257,), "m").encode(),
]


def outcome_of_any(body: bytes) -> XmlCall | None:
    try:
        return decode_any(body, DEPTH)
    except BadRequestError:
        return None


def assert_plain_agrees(body: bytes) -> bool:
    plain = decode_plain(body)
    if plain is not None:
        # As text too, in which a whole number is not a float, nor a truth value a number.
        assert repr(outcome_of_any(body)) == repr(XmlCall(*plain, is_text_legal=True)), body
    return plain is not None


def test_common_calls_are_read_without_a_parser() -> None:
    read = [assert_plain_agrees(body) for body in COMMON]
    assert read == [True, True, True, False, True, True, True, True, True, False, True, True, False]


def test_reading_without_a_parser_says_what_the_parser_says() -> None:
    rng = random.Random(1)
    agreed = 0
    for _ in range(60000):
        text = rng.choice(COMMON).decode()
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            start = rng.randrange(len(text) + 1)
            stop = min(len(text), start + rng.choice((0, 0, 0, 1, 1, 3, 9)))
            text = text[:start] + (rng.choice(PIECES) if rng.random() < 0.8 else "") + text[stop:]
        body = text.encode()
        if rng.random() < 0.1:
            position = rng.randrange(len(body) + 1)
            body = body[:position] + bytes((rng.randrange(256),)) + body[position:]
        agreed += assert_plain_agrees(body)
    assert agreed > 2000  # so that the test tests something


def test_every_pair_of_pieces_in_a_value() -> None:
    for first, second in itertools.product(PIECES, repeat=2):
        assert_plain_agrees(xml_call("m", f"<value>{first}{second}</value>"))
        assert_plain_agrees(first.encode() + second.encode() + xml_call("m"))
        assert_plain_agrees(xml_call("m") + first.encode() + second.encode())


def test_calls_in_json() -> None:
    first = jsonrpc.decode_call(b'{"method": "m", "params": ["a", 1, 1.5, true, null, [1], {"a": 1}], "id": "x"}', 9)
    assert first == jsonrpc.JsonCall("m", ["a", 1, 1.5, True, None, [1], {"a": 1}], 1, b'"x"', True)
    second = jsonrpc.decode_call(b'{"jsonrpc": "2.0", "method": "m", "id": null}', 9)
    assert second == jsonrpc.JsonCall("m", [], 2, b"null", True)
    assert jsonrpc.decode_call(b'{"jsonrpc": "2.0", "method": "m", "params": {"a": 1}, "id": [1]}', 9).params == [
        {"a": 1}
    ]


def test_text_in_json_that_is_no_unicode_reaches_the_check_of_texts() -> None:
    for text in (b'"\xff"', b'"\\ud800"'):
        (value,) = jsonrpc.decode_call(b'{"method": "m", "params": [%b], "id": 1}' % text, 9).params
        assert any("\ud800" <= character <= "\udfff" for character in value)


@pytest.mark.parametrize("code", [*range(0xA0), 0xD800, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F600])
def test_text_in_json_counts_as_checked_only_where_the_check_would_pass(code: int) -> None:
    for text in (chr(code), f"\\u{code:04x}"[:6], {8: "\\b", 12: "\\f"}.get(code, "x")):
        body = f'{{"method": "m", "params": ["{text}"], "id": 1}}'.encode(errors="surrogatepass")
        try:
            call = jsonrpc.decode_call(body, 9)
        except BadRequestError:
            continue  # raw control characters, quotes and backslashes
        if call.text_checked:
            check_text(call.params)


def test_text_in_json_that_needs_the_check() -> None:
    for text in ("\\u0001", "\\b", "\\f", "\ufffe", "é"):
        body = f'{{"method": "m", "params": ["{text}"], "id": 1}}'.encode()
        assert not jsonrpc.decode_call(body, 9).text_checked
