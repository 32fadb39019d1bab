# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image references: what a container runtime pulls is taken as it is, everything else is refused with a remedy."""

from __future__ import annotations

import string

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.images import Image
from hypothesis import assume, given
from hypothesis import strategies as st

SHA = "sha256:" + "0123456789abcdef" * 4

# The grammar of the distribution specification, as strategies.
ALNUM = string.ascii_lowercase + string.digits
WORDS = st.text(ALNUM, min_size=1, max_size=8)
COMPONENTS = st.builds(
    lambda first, rest: first + "".join(sign + word for sign, word in rest),
    WORDS,
    st.lists(st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), WORDS), max_size=2),
)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
HOSTS = st.sampled_from(
    ["", "reg.example", "localhost", "localhost:5000", "registry:5000", "10.0.0.1:443", "[::1]:5000", "Reg.example.COM"]
)
TAGS = st.text(string.ascii_letters + string.digits + "_.-", max_size=128).filter(
    lambda tag: not tag.startswith((".", "-"))
)
DIGESTS = st.sampled_from(["", SHA, "sha512:" + "AB" * 64, "multihash+base58:" + "0f" * 16])


@given(host=HOSTS, path=PATHS, tag=TAGS, digest=DIGESTS)
def test_every_reference_of_the_grammar_survives_the_round_trip(host: str, path: str, tag: str, digest: str) -> None:
    # A first component with a dot is a host, as for every container runtime.
    first = path.partition("/")[0]
    assume(host or "/" not in path or not ("." in first or first == "localhost"))
    text = "/".join(filter(None, [host, path])) + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    image = Image.parse(text)
    assert image == Image(host, path, tag, digest)
    assert str(image) == text


@given(st.text(st.characters(codec="ascii") | st.sampled_from("/:@.-_=[]éßµ٣²\n\x00"), max_size=40))
def test_any_text_is_an_image_or_an_invalid_request(text: str) -> None:
    found = parsed(text)
    if isinstance(found, InvalidRequest):
        assert (found.option, found.value) == ("images[app]", text)
        assert found.remedy
    else:
        assert str(found) == text
        assert found.path
        assert text.isascii()
        assert not set(text) & set(string.whitespace + "\0")


def parsed(text: str) -> Image | InvalidRequest:
    try:
        return Image.parse(text, option="images[app]")
    except InvalidRequest as error:
        return error


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("app", Image("", "app", "", "")),
        ("app:1.2.3", Image("", "app", "1.2.3", "")),
        ("app:5000", Image("", "app", "5000", "")),
        ("team/app", Image("", "team/app", "", "")),
        ("registry:5000/app", Image("registry:5000", "app", "", "")),
        ("registry:5000/app:5000", Image("registry:5000", "app", "5000", "")),
        ("localhost/app", Image("localhost", "app", "", "")),
        ("gcr.io/a/b/c:v1", Image("gcr.io", "a/b/c", "v1", "")),
        ("[::1]:5000/app", Image("[::1]:5000", "app", "", "")),
        (f"app@{SHA}", Image("", "app", "", SHA)),
        (f"app:v1@{SHA}", Image("", "app", "v1", SHA)),
        ("REGISTRY/app", Image("REGISTRY", "app", "", "")),
        ("team/a=b", Image("", "team/a=b", "", "")),  # the kubectl plugin cannot pass this one
    ],
)
def test_the_parts_of_a_reference(text: str, image: Image) -> None:
    assert Image.parse(text) == image


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "the repository must be"),
        ("app:", "give a tag after ':'"),
        ("app@", "a digest after '@'"),
        ("app:1@", "a digest after '@'"),
        (":1", "the repository must be"),
        ("/app", "the repository must be"),
        ("app/", "the repository must be"),
        ("a//b", "the repository must be"),
        ("App", "the repository must be"),
        ("app name", "the repository must be"),
        ("app\n", "the repository must be"),
        ("a___b", "the repository must be"),
        ("a..b", "the repository must be"),
        ("-app", "the repository must be"),
        ("app-", "the repository must be"),
        ("host:5000/", "the repository must be"),
        ("https://gcr.io/app", "the registry must be"),
        ("host:port/app", "the registry must be"),
        ("host_name.io/app", "the registry must be"),
        ("-host.io/app", "the registry must be"),
        ("host:٣/app", "the registry must be"),
        ("app:-1", "a tag has at most 128"),
        ("app:.1", "a tag has at most 128"),
        ("app:a b", "a tag has at most 128"),
        ("app:1\n", "a tag has at most 128"),
        ("app:é", "a tag has at most 128"),
        (f"app:{'t' * 129}", "a tag has at most 128"),
        ("app@sha256:abc", "a digest reads"),
        (f"app@{SHA[7:]}", "a digest reads"),
        (f"app@{SHA}@{SHA}", "a digest reads"),
        ("app@sha256:" + "g" * 64, "a digest reads"),
    ],
)
def test_what_no_runtime_would_pull_is_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^images\[app\]: ") as caught:
        Image.parse(text, option="images[app]")
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("value", [None, 1, 1.25, True, ["app"], {"tag": "1"}])
def test_what_yaml_made_of_a_reference_is_refused_and_not_guessed(value: object) -> None:
    with pytest.raises(InvalidRequest, match="image"):
        Image.parse(value)  # type: ignore[arg-type]


def test_an_unusable_image_is_found_in_no_time() -> None:
    with pytest.raises(InvalidRequest):
        Image.parse("a" + "-a" * 50_000 + "!")
