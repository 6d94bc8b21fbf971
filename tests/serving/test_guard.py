"""One token opens the door: for programs as a header, for people as a link that turns into a cookie."""

import asyncio
from urllib.parse import urljoin, urlsplit

import pytest

from workbench.serving import Request, guard, only_hosts
from workbench.serving.client import Client
from workbench.serving.http import Reply

TOKEN = "s3cret"


async def inner(scope, receive, send):
    await Reply.json(200, {"path": scope["path"], "query": scope["query_string"].decode()}).send(send)


DOOR = guard(inner, TOKEN, name="test", public=("/healthz",))


def ask(path, *, method="GET", app=DOOR, **headers):
    return asyncio.run(Client(app).ask(Request(path, b"", method=method, headers=headers)))


def test_a_program_with_the_token_comes_in():
    assert ask("/x", authorization=f"Bearer {TOKEN}").status == 200
    assert ask("/x", authorization=f"bearer {TOKEN}").status == 200


@pytest.mark.parametrize("given", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x"])
def test_anything_else_stays_outside_and_is_told_the_way_in(given):
    answer = ask("/x", authorization=given)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Authorization: Bearer" in answer.json()["error"]["hint"]


def test_a_public_path_needs_no_token():
    assert ask("/healthz").status == 200


def test_a_link_with_the_token_becomes_a_cookie_and_a_clean_address():
    answer = ask(f"/a b?x=1&token={TOKEN}&y=%26")
    assert answer.status == 303
    for prefix in ("", "/team/ai"):  # of a proxy, which takes it off
        seen = f"http://workbench.example{prefix}/a%20b?x=1&token={TOKEN}&y=%26"
        clean = f"http://workbench.example{prefix}/a%20b?x=1&y=%26"
        assert urljoin(seen, answer.headers["location"]) == clean
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    value = cookie.partition(";")[0]
    assert ask("/a", cookie=f"other=1; {value}").status == 200
    assert ask("/a", cookie=value + "0").status == 401


def test_a_cookie_of_an_app_with_another_name_is_of_no_use():
    value = ask(f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
    other = guard(inner, TOKEN, name="other")
    assert ask("/", app=other, cookie=value.replace("workbench-test", "workbench-other")).status == 401


def test_the_redirect_never_leaves_this_host():
    for path in ("//evil.example/x", "/%2F%2Fevil.example", "/x:y", "/http:%5C%5Cevil.example", "///"):
        location = ask(f"{path}?token={TOKEN}", host="evil.example", x_forwarded_host="evil.example").headers[
            "location"
        ]
        gone = urlsplit(urljoin(f"http://workbench.example{path}", location))
        assert (gone.scheme, gone.netloc) == ("http", "workbench.example")


def test_a_wrong_token_in_a_link_is_refused():
    assert ask("/?token=wrong").status == 401
    assert ask("/?token=%E2%82%AC").status == 401


def test_a_link_opens_nothing_but_pages():
    assert ask(f"/x?token={TOKEN}", method="POST").status == 401


def test_an_empty_token_is_no_token():
    with pytest.raises(ValueError, match="empty"):
        guard(inner, "", name="test")


def test_without_a_token_only_names_of_this_machine_are_answered():
    app = only_hosts(inner)
    assert ask("/", app=app, host="127.0.0.1:8000").status == 200
    assert ask("/", app=app, host="[::1]:8000").status == 200
    assert ask("/", app=app, host="localhost").status == 200
    assert ask("/", app=app, host="rebound.example:8000").status == 421
