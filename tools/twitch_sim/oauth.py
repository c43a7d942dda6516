"""id.twitch.tv/oauth2: validate, refresh, device code flow, revoke."""

import secrets
import string

from twitch_sim.answers import Answer, Asked, oauth_error
from twitch_sim.world import CLIENT_ID, CLIENT_SECRET, CONFIDENTIAL_CLIENT_ID, TOKEN_LIFE_S, Device, Token, World

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_LIFE_S = 1800


def answer(world: World, asked: Asked) -> Answer:
    route = (asked.method, asked.path)
    if route == ("GET", "/oauth2/validate"):
        return _validate(world, asked)
    if route == ("POST", "/oauth2/device"):
        return _device(world, asked)
    if route == ("POST", "/oauth2/revoke"):
        return _revoke(world, asked)
    if route == ("POST", "/oauth2/token"):
        if asked.form.get("client_id") not in (CLIENT_ID, CONFIDENTIAL_CLIENT_ID):
            return oauth_error(400, "invalid client")
        if asked.form.get("grant_type") == "refresh_token":
            return _refresh(world, asked)
        if asked.form.get("grant_type") == DEVICE_GRANT:
            return _device_token(world, asked)
        return oauth_error(400, "Invalid grant type")
    return oauth_error(404, "Not Found")


def _validate(world: World, asked: Asked) -> Answer:
    scheme, _, access = asked.headers.get("authorization", "").partition(" ")
    token = world.valid(access) if scheme in ("OAuth", "Bearer") else None
    if token is None:
        return oauth_error(401, "invalid access token")
    user = world.user(token.user_id)
    left_s = 0 if token.expires_at is None else int(token.expires_at - world.clock.time())
    return Answer(
        200,
        {
            "client_id": token.client_id,
            "login": user.login if user else "",
            "scopes": list(token.scopes) or None,
            "user_id": token.user_id,
            "expires_in": left_s,
        },
    )


def _refresh(world: World, asked: Asked) -> Answer:
    client_id, given = asked.form["client_id"], asked.form.get("refresh_token", "")
    if client_id == CONFIDENTIAL_CLIENT_ID:
        secret = asked.form.get("client_secret")
        if secret is None:
            return oauth_error(400, "missing client secret")
        if secret != CLIENT_SECRET:
            return oauth_error(403, "invalid client secret")
    old = next((token for token in world.tokens if given and token.refresh == given), None)
    if old is None or old.client_id != client_id:
        world.cut_off(given)
        return Answer(400, {"error": "Bad Request", "status": 400, "message": "Invalid refresh token"})
    return _granted(world.renew(old))


def _granted(token: Token) -> Answer:
    return Answer(
        200,
        {
            "access_token": token.access,
            "expires_in": int(TOKEN_LIFE_S),
            "refresh_token": token.refresh,
            "scope": list(token.scopes),
            "token_type": "bearer",
        },
    )


def _device(world: World, asked: Asked) -> Answer:
    client_id = asked.form.get("client_id", "")
    if client_id not in (CLIENT_ID, CONFIDENTIAL_CLIENT_ID):
        return oauth_error(400, "invalid client")
    scopes = tuple(asked.form.get("scopes", "").split())
    user_code = "".join(secrets.choice(string.ascii_uppercase) for _ in range(8))
    device = Device(
        f"simdevice{secrets.token_hex(16)}", user_code, client_id, scopes, world.clock.time() + DEVICE_LIFE_S
    )
    world.devices.append(device)
    return Answer(
        200,
        {
            "device_code": device.device_code,
            "expires_in": DEVICE_LIFE_S,
            "interval": world.device_interval_s,
            "user_code": user_code,
            "verification_uri": f"https://www.twitch.tv/activate?device-code={user_code}",
        },
    )


def _device_token(world: World, asked: Asked) -> Answer:
    code = asked.form.get("device_code", "")
    device = next((found for found in world.devices if found.device_code == code), None)
    over = device is not None and (world.clock.time() >= device.expires_at or device.state in ("denied", "used"))
    if device is None or over or device.client_id != asked.form["client_id"]:
        return oauth_error(400, "invalid device code")
    too_soon = world.clock.time() - device.polled_at < world.device_interval_s - 0.5
    device.polled_at = world.clock.time()
    if device.state == "pending":
        if too_soon:
            return oauth_error(400, "slow_down")
        if world.device_doubts > 0:
            world.device_doubts -= 1
            return oauth_error(400, "invalid device code")
        return oauth_error(400, "authorization_pending")
    device.state = "used"
    return _granted(world.issue(device.user_id, device.client_id, scopes=device.scopes))


def _revoke(world: World, asked: Asked) -> Answer:
    token = world.valid(asked.form.get("token", ""))
    if token is None or token.client_id != asked.form.get("client_id"):
        return oauth_error(400, "Invalid token")
    token.revoked, token.refresh = True, ""
    return Answer(200)
