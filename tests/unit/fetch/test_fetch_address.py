import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_pipeline.config import FetchSettings
from dedup_pipeline.schemas import FetchStatus
from dedup_pipeline.stages.fetch.http import connections
from dedup_pipeline.stages.fetch.http.addresses import AddressError, is_public, may_be_inside, read_url
from dedup_pipeline.stages.fetch.http.connections import resolve_host

INSIDE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
INSIDE_6 = [
    "::/96",
    "100::/64",
    "2001:db8::/32",
    "2001::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "64:ff9b:1::/48",
]


def any_of(networks):
    return st.sampled_from(networks).flatmap(lambda text: addresses_in(ipaddress.ip_network(text)))


def addresses_in(network):
    return st.integers(int(network.network_address), int(network.broadcast_address)).map(type(network.network_address))


def carriers(address):
    """The IPv6 forms that carry an IPv4 address."""
    number = int(address)
    return {
        "plain": address,
        "mapped": ipaddress.IPv6Address((0xFFFF << 32) | number),
        "compatible": ipaddress.IPv6Address(number),
        "6to4": ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
        "nat64": ipaddress.IPv6Address((0x0064FF9B << 96) | number),
        "teredo": ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    }


@given(any_of(INSIDE), st.sampled_from(["plain", "mapped", "compatible", "6to4", "nat64", "teredo"]))
def test_addresses_inside_are_refused_in_every_form(address, form):
    assert not is_public(str(carriers(address)[form]))


@given(any_of(INSIDE_6))
def test_ipv6_addresses_inside_are_refused(address):
    assert not is_public(str(address))


@given(st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address))
def test_only_global_unicast_or_carried_public_ipv6_is_public(address):
    if is_public(str(address)):
        carried = address.ipv4_mapped is not None or address in ipaddress.ip_network("64:ff9b::/96")
        assert address in ipaddress.ip_network("2000::/3") or carried


@given(st.text(max_size=40))
def test_text_that_is_no_address_is_not_public(text):
    assert is_public(text) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::1",
        "::",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "255.255.255.255",
        "localhost",
    ],
)
def test_known_traps_are_not_public(text):
    assert not is_public(text)


@pytest.mark.parametrize("text", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(text):
    assert is_public(text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "/a.jpg",
        "//shop.example/a.jpg",
        "ftp://shop.example/a.jpg",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "httpx://shop.example/a.jpg",
        "http://",
        "http:///a.jpg",
        "http://shop.example:99999/a.jpg",
        "http://shop.example:port/a.jpg",
        "http://user@shop.example/a.jpg",
        "http://user:word@shop.example/a.jpg",
        "http://good.example\\@127.0.0.1/a.jpg",
        "http:\\\\shop.example\\a.jpg",
        "http://shop.example/a\r\nHost: other.example",
        "http://shop.example/a\tb.jpg",
        "http://shop.example/\x00.jpg",
        "http://[::1/a.jpg",
        "http://*.example/a.jpg",
        "http://\udcff.example/a.jpg",
        "http://shop.example/\udcff",
        "http://shop.example/" + "a" * 9000,
        "http://a b.example/a.jpg",
    ],
)
def test_urls_of_no_usable_form_are_refused(url):
    with pytest.raises(AddressError) as caught:
        read_url(url)
    assert caught.value.status is FetchStatus.BAD_URL


@pytest.mark.parametrize(
    ("url", "sent", "host", "port"),
    [
        ("http://Shop.Example/A b.jpg", "http://shop.example/A%20b.jpg", "shop.example", 80),
        ("HTTPS://shop.example:8443/ä.jpg#x", "https://shop.example:8443/%C3%A4.jpg#x", "shop.example", 8443),
        ("http://bücher.example/a.jpg", "http://xn--bcher-kva.example/a.jpg", "xn--bcher-kva.example", 80),
        ("http://localhost./a.jpg", "http://localhost./a.jpg", "localhost", 80),
        ("http://[::1]:81/", "http://[::1]:81/", "::1", 81),
        ("http://2130706433/", "http://2130706433/", "2130706433", 80),
        (" http://shop.example/a.jpg ", "http://shop.example/a.jpg", "shop.example", 80),
        ("http://shop.example/a@b.jpg?u=x@y", "http://shop.example/a@b.jpg?u=x@y", "shop.example", 80),
    ],
)
def test_urls_are_read(url, sent, host, port):
    target = read_url(url)
    assert (target.url, target.host, target.port) == (sent, host, port)


@given(st.text(max_size=60).map("http://".__add__) | st.text(max_size=60))
def test_any_text_is_a_target_or_refused(text):
    try:
        target = read_url(text)
    except AddressError as error:
        assert error.status is FetchStatus.BAD_URL  # noqa: PT017 - most texts are refused, some are not
    else:
        assert target.url.isascii()
        assert target.host
        assert 0 < target.port < 65536


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST/",
        "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
        "http://\uff11\uff12\uff17\u3002\uff10\u3002\uff10\u3002\uff11/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[64:ff9b::7f00:1]/",
    ],
)
def test_disguised_inside_addresses_are_blocked(url):
    def reach():
        target = read_url(url)
        resolve_host(target.host, target.port, FetchSettings())

    with pytest.raises(AddressError) as caught:
        reach()
    assert caught.value.status in (FetchStatus.BLOCKED, FetchStatus.UNREACHABLE, FetchStatus.BAD_URL)


def test_a_name_with_public_and_inside_addresses_keeps_the_public_ones(monkeypatch):
    def answer(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in ("10.0.0.1", "8.8.8.8")]

    monkeypatch.setattr(connections.socket, "getaddrinfo", answer)
    assert resolve_host("mixed.example", 80, FetchSettings()) == [(socket.AF_INET, ("8.8.8.8", 80))]
    inside = FetchSettings(allow_hosts=("mixed.example",))
    assert len(resolve_host("mixed.example", 80, inside)) == 2


def test_allowed_hosts_are_exact():
    allowed = ("shop.local", "[::1]:8080", "cdn.local:8080")
    assert may_be_inside("SHOP.local.", 1234, allowed)
    assert may_be_inside("cdn.local", 8080, allowed)
    assert may_be_inside("::1", 8080, allowed)
    assert not may_be_inside("cdn.local", 8081, allowed)
    assert not may_be_inside("a.shop.local", 80, allowed)
    assert not may_be_inside("shop.local.evil.example", 80, allowed)
