// What went wrong, in the words of a user.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "engine_client/reply.h"

namespace swarm::engine {

// A reply with this failure; its message is the context, and `what` behind it.
Reply Failed(std::string_view context, Failure failure, std::string_view what);

// An answer with an error status; `body` is what the engine said, JSON or text.
Reply RefusedByEngine(std::string_view context, int http_status, std::string_view body);

// How curl's transfer broke. `system_error` is the errno of a connect; `detail` curl's own words.
Reply Broken(std::string_view context, CURLcode code, long system_error, std::string_view detail);

// Whether the engine refuses the version in the path, without having done anything.
bool RefusesVersion(const Reply& reply);

}  // namespace swarm::engine
