"""An aiohttp app with Logto's Python SDK, unchanged, signing in at Sekisho and calling an API with the tokens it gets."""

import json
import os
import secrets

import aiohttp
from aiohttp import web
from logto import LogtoClient, LogtoConfig, LogtoException, Storage, UserInfoScope

PORT = int(os.environ.get("PORT", "3009"))
BASE_URL = os.environ.get("BASE_URL", f"http://localhost:{PORT}")
API = os.environ.get("API", "http://localhost:3010")
RESOURCE = os.environ.get("RESOURCE", "https://things.example.com")

CONFIG = LogtoConfig(
    endpoint=os.environ.get("ENDPOINT", "http://localhost:3001"),
    appId=os.environ["APP_ID"],
    appSecret=os.environ["APP_SECRET"],
    scopes=[
        UserInfoScope.email,
        UserInfoScope.organizations,
        "roles",
        "read:things",
        "invite:members",
    ],
    resources=[RESOURCE],
)


class SessionStorage(Storage):
    """What the SDK keeps of one browser; a real app has a database for it."""

    sessions: dict[str, dict] = {}

    def __init__(self, request: web.Request):
        known = request.cookies.get("sid")
        self.id = known if known in self.sessions else secrets.token_urlsafe()
        self.kept = self.sessions.setdefault(self.id, {})

    def get(self, key):
        return self.kept.get(key)

    def set(self, key, value):
        self.kept[key] = value

    def delete(self, key):
        self.kept.pop(key, None)


@web.middleware
async def with_logto(request: web.Request, handler):
    storage = SessionStorage(request)
    request["logto"] = LogtoClient(CONFIG, storage)
    try:
        response = await handler(request)
    except LogtoException as error:
        response = web.json_response({"message": str(error)}, status=403)
    response.set_cookie("sid", storage.id, httponly=True, samesite="Lax")
    return response


def redirect(url: str) -> web.Response:
    return web.Response(status=302, headers={"Location": url})


async def home(request):
    logto = request["logto"]
    if not logto.isAuthenticated():
        return web.json_response({"isAuthenticated": False})
    claims = logto.getIdTokenClaims().model_dump()
    return web.json_response({"isAuthenticated": True, "claims": claims})


async def sign_in(request):
    return redirect(await request["logto"].signIn(f"{BASE_URL}/callback"))


async def callback(request):
    await request["logto"].handleSignInCallback(str(request.url))
    return redirect("/")


async def sign_out(request):
    return redirect(await request["logto"].signOut(BASE_URL))


async def user_info(request):
    info = await request["logto"].fetchUserInfo()
    return web.json_response({"userInfo": info.model_dump()})


async def things(request):
    return await pass_on(request, await request["logto"].getAccessToken(RESOURCE))


async def members(request):
    organization = request.match_info["id"]
    return await pass_on(request, await request["logto"].getOrganizationToken(organization))


async def pass_on(request, token):
    """What the API answers to the token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(API + request.path, headers=headers) as answer:
            return web.json_response(await answer.json(), status=answer.status)


app = web.Application(middlewares=[with_logto])
app.add_routes(
    [
        web.get("/", home),
        web.get("/sign-in", sign_in),
        web.get("/callback", callback),
        web.get("/sign-out", sign_out),
        web.get("/user-info", user_info),
        web.get("/things", things),
        web.get("/organizations/{id}/members", members),
    ]
)


def announce(*_):
    print(json.dumps({"url": BASE_URL}), flush=True)


web.run_app(app, host="127.0.0.1", port=PORT, print=announce)
