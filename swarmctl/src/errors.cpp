#include "errors.h"

#include <grp.h>
#include <sys/stat.h>

#include <string_view>

#include "words.h"

namespace swarm::ctl {
namespace {

constexpr const char* kNameAnother = "; name another socket with --socket or in SWARM_SOCKET";

bool Has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What the transport says when nobody answers is worded as SwarmKit's tool does.
std::string ConnectionText(const std::string& text, const std::string& socket) {
  if (!Has(text, "failed to connect")) return text;
  const auto colon = text.rfind(": ");
  const std::string reason = Lower(colon == std::string::npos ? text : text.substr(colon + 2));
  return "connection error: desc = \"transport: Error while dialing dial unix " + socket +
         ": connect: " + reason + "\"";
}

std::string GroupOf(const struct stat& info) {
  const group* entry = getgrgid(info.st_gid);
  return entry ? entry->gr_name : std::to_string(info.st_gid);
}

// Why nobody answers, judged by what is at the path.
std::string ConnectionHint(const std::string& text, const std::string& socket) {
  const std::string lower = Lower(text);
  struct stat info {};
  const bool there = stat(socket.c_str(), &info) == 0;
  if (Has(lower, "permission denied")) {
    return "only the owner and the group" + (there ? " \"" + GroupOf(info) + "\"" : std::string()) +
           " of " + socket + " may use it: run swarmctl as root, or as a member of that group";
  }
  if (Has(lower, "no such file")) {
    return "is swarmd running? its control socket is taken to be " + socket + kNameAnother +
           "\na Docker Engine in swarm mode has one in its exec root: "
           "/var/run/docker/swarm/control.sock";
  }
  if (there && !S_ISSOCK(info.st_mode)) return socket + " is not a socket" + kNameAnother;
  if (Has(lower, "connection refused")) {
    return "nobody listens on " + socket +
           ": the swarmd it belongs to has ended, or the engine is no manager of a swarm";
  }
  if (Has(lower, "handshake") || Has(lower, "tls") || Has(lower, "ssl") ||
      Has(lower, "wrong version number")) {
    return socket +
           " does not speak the control protocol over TLS; a Docker Engine's docker.sock does not: "
           "its control socket is swarm/control.sock in its exec root";
  }
  return "is swarmd running? its control socket is taken to be " + socket + kNameAnother;
}

}  // namespace

std::string ErrorText(const Status& status, const std::string& socket) {
  const std::string& text = status.message();
  switch (status.code()) {
    case Code::kUnavailable:
      if (Has(text, "not a manager")) {
        return text +
               "\nask a manager: run swarmctl on one, or promote this node there with "
               "`swarmctl node promote`";
      }
      return ConnectionText(text, socket) + "\n" + ConnectionHint(text, socket);
    case Code::kUnimplemented:
      if (Has(text, "unknown method") || Has(text, "unknown service")) {
        return text + "\nthe manager behind " + socket + " is of a version that does not have this";
      }
      return text;
    case Code::kUnknown:
      if (Has(text, "update out of sequence")) {
        return text + "\nthe object was changed by somebody else meanwhile: run the command again";
      }
      return text;
    default:
      return text;
  }
}

}  // namespace swarm::ctl
