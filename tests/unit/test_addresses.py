"""E-mail addresses in the one form they are compared in."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.identity import MAX_EMAIL_LENGTH, MAX_MAILBOX_LENGTH, normalized_email


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("ana@demo.example", "ana@demo.example"),
        ("  Ana.Lee@Demo.Example\n", "ana.lee@demo.example"),
        ("ana+tiktok@demo.example", "ana+tiktok@demo.example"),
        ("a.b-c_d'e=f@demo.example", "a.b-c_d'e=f@demo.example"),
        ("ana@DE-mo.example", "ana@de-mo.example"),
    ],
)
def test_an_address_is_compared_without_case_and_surrounding_space(
    written: str, compared: str
) -> None:
    assert normalized_email(written) == compared


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "@demo.example",
        "ana@",
        "ana@demo",
        "ana lee@demo.example",
        "ana,ben@demo.example",
        "ana;ben@demo.example",
        "ana@demo.example;ben@demo.example",
        "Ana <ana@demo.example>",
        "<ana@demo.example>",
        '"ana"@demo.example',
        "ana@demo.example.",
        "ana@[127.0.0.1]",
        "\x00ana@demo.example",
        "ana\x7f@demo.example",
        "ana@demo.example\u200b",
        "ana@demo\u200b.example",
        "ana@de\u00admo.example",
        "ana@\u212aim.example",  # the Kelvin sign, which Unicode maps to k
        "ana@\uff44emo.example",  # a letter of full width
        "ana@demo\u3002example",
        "ana@\U0001f600.example",
        "ana@xn--\u00fc.example",
        "ana@-ü-.example",
        "ana\u202e@demo.example",
        "a" * MAX_EMAIL_LENGTH + "@demo.example",
        "ana@demo.example|ann",
        "ana@de/mo.example",
        "ana@demo*.example",
        "ana@demo.example#frag",
        "ana@demo.example/",
        "ana@de_mo.example",
        "ana@#.#",
        "ana@$%.^^",
        "ana@-demo.example",
        "ana@demo-.example",
        "ana@demo.-example",
        "ana@1.2.3.4",
        "ana@demo.123",
        "ana@demo..example",
        "ana..lee@demo.example",
        ".ana@demo.example",
        "ana.@demo.example",
        "=?utf-8?q?ben?=@demo.example",  # an encoded word, which mails would show as ben@
        "=?utf-8?q?a=0Ab?=@demo.example",  # and this one could be written in no mail
        "ana@" + "x" * 64 + ".example",
        "ana@" + "ü" * 60 + ".example",
    ],
)
def test_an_invalid_address_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        normalized_email(text)


def test_an_address_of_the_longest_length_is_taken_and_one_letter_more_is_not() -> None:
    mailbox, labels = "a" * MAX_MAILBOX_LENGTH, ".".join(["x" * 63] * 2)
    longest = f"{mailbox}@{labels}.".ljust(MAX_EMAIL_LENGTH - len(".example"), "y") + ".example"
    assert normalized_email(longest) == longest
    for longer in (longest.replace(".example", "y.example"), f"{'a' * 65}@demo.example"):
        with pytest.raises(ValueError, match="is not an e-mail address"):
            normalized_email(longer)


@given(st.text(st.sampled_from("aZ0-._|/*#?!$%^&'=~+"), max_size=12))
def test_a_domain_is_of_labels_of_letters_digits_and_inner_hyphens(domain: str) -> None:
    labels = domain.split(".")
    is_one = (
        len(labels) > 1
        and all(re.fullmatch("[aZ0-]+", each) and each.strip("-") == each for each in labels)
        and labels[-1].strip("0") != ""
    )
    try:
        assert normalized_email(f"ana@{domain}") == f"ana@{domain}".lower()
    except ValueError:
        assert not is_one
    else:
        assert is_one


@given(st.emails())
def test_a_compared_address_stays_as_it_is(email: str) -> None:
    once = normalized_email(email)
    assert normalized_email(once) == once


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("Ana@BÜCHER.example", "ana@xn--bcher-kva.example"),
        ("ana@bu\u0308cher.example", "ana@xn--bcher-kva.example"),
        ("ana@XN--BCHER-KVA.example", "ana@xn--bcher-kva.example"),
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("ana@mail.例え.jp", "ana@mail.xn--r8jz45g.jp"),
        ("ana@مثال.example", "ana@xn--mgbh0fb.example"),
    ],
)
def test_a_domain_of_another_script_and_its_punycode_are_one_address(
    written: str, compared: str
) -> None:
    assert normalized_email(written) == compared


@pytest.mark.parametrize(
    "mailbox", ["jörg", "\u212aim", "\uff4bim", "ki\u017f", "почта", "ka\u0131"]
)
@pytest.mark.parametrize("domain", ["demo.example", "bücher.example"])
def test_a_mailbox_outside_ascii_is_refused_and_taken_for_no_other(
    mailbox: str, domain: str
) -> None:
    with pytest.raises(ValueError, match="cannot be mailed: what is before the @"):
        normalized_email(f"{mailbox}@{domain}")


@given(st.text(max_size=30), st.sampled_from(["kim", "sas", "i", "ana"]))
def test_only_ascii_capitals_make_one_address_of_two(text: str, mailbox: str) -> None:
    plain = f"{mailbox}@demo.example"
    for written in (f"{text}@demo.example", f"{mailbox}@{text}", f"{mailbox}{text}@demo.example"):
        try:
            compared = normalized_email(written)
        except ValueError:
            continue
        assert compared.isascii()
        if compared == plain:
            assert written.strip().isascii()
            assert written.strip().lower() == plain


@pytest.mark.parametrize("letter", ["K", "k", "\u017f", "s", "\u0131", "\u0130", "\ufb01"])
@pytest.mark.parametrize("address", ["{}im@demo.example", "ana@{}im.example"])
def test_no_letter_beyond_ascii_stands_for_one_of_ascii(letter: str, address: str) -> None:
    written = address.format(letter)
    try:
        compared = normalized_email(written)
    except ValueError:
        return
    assert compared == written.lower() or "@xn--" in compared


def test_the_library_for_domains_is_loaded_only_for_a_domain_of_another_script() -> None:
    script = (
        "import sys; from chalicelib.foundation.identity import normalized_email as n;"
        "n('Ana@demo.example'); print('idna' in sys.modules);"
        "n('ana@bücher.example'); print('idna' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
