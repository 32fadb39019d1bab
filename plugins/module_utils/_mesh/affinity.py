# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cookie of a client that has none yet, made before its version is chosen.

Envoy makes such a cookie only when it chooses a pod. The weights have been consulted by then, at random because
there was nothing to hash, so the second request of a client could go to another version than its first.
"""

from __future__ import annotations

from collections.abc import Iterable

from .objects import Tree

FILTER = "envoy.filters.http.lua"
_LUA = "type.googleapis.com/envoy.extensions.filters.http.lua.v3"
_NAME = "affinity"

# The time in microseconds tells clients apart, and its hash spreads them evenly.
_SCRIPT = """
local function has(headers, wanted)
  for index = 0, headers:getNumValues("cookie") - 1 do
    for pair in string.gmatch(headers:getAtIndex("cookie", index), "[^;]+") do
      if string.match(pair, "^%s*(.-)%s*=") == wanted then return true end
    end
  end
  return false
end

function envoy_on_request(handle)
  local name, attributes = handle:filterContext():get("name"), handle:filterContext():get("attributes")
  if has(handle:headers(), name) then return end
  local moment = handle:timestampString(EnvoyTimestampResolution.MICROSECOND)
  local cookie = name .. "=" .. moment .. math.random(100000, 999999)
  handle:headers():add("cookie", cookie)
  handle:streamInfo():dynamicMetadata():set("affinity", "cookie", cookie .. attributes)
  handle:clearRouteCache()
end

function envoy_on_response(handle)
  local made = handle:streamInfo():dynamicMetadata():get("affinity")
  if made then handle:headers():add("set-cookie", made["cookie"]) end
end
"""


def lua_filter() -> Tree:
    """For the listener; it does nothing on routes that do not ask for it."""
    return {
        "name": FILTER,
        "typed_config": {"@type": f"{_LUA}.Lua", "source_codes": {_NAME: {"inline_string": _SCRIPT}}},
    }


def made_cookie(policies: Iterable[Tree]) -> Tree | None:
    """The filter's configuration for a route with these hash policies; None where no cookie is to be made."""
    cookie = next((policy["cookie"] for policy in policies if "ttl" in policy.get("cookie", {})), None)
    if cookie is None:
        return None
    seconds = int(float(cookie["ttl"].removesuffix("s")))
    attributes = f"; Max-Age={seconds}" if seconds else ""
    attributes += f"; Path={cookie['path']}" if "path" in cookie else ""
    context = {"name": cookie["name"], "attributes": f"{attributes}; HttpOnly"}
    return {"@type": f"{_LUA}.LuaPerRoute", "name": _NAME, "filter_context": context}
