#include "external_ca.h"

#include <string>

#include "flags.h"
#include "words.h"

namespace swarm::ctl {

Result<::docker::swarmkit::v1::ExternalCA> ParseExternalCa(std::string_view text) {
  const auto bad = [](std::string message) {
    return Status(Code::kInvalidArgument, std::move(message));
  };
  SWARM_ASSIGN_OR_RETURN(const auto fields, ParseCsv(text));
  ::docker::swarmkit::v1::ExternalCA out;
  bool has_protocol = false;
  for (const std::string& field : fields) {
    const auto equal = field.find('=');
    if (equal == std::string::npos) {
      return bad("invalid field '" + field + "' must be a key=value pair");
    }
    const std::string key = field.substr(0, equal);
    const std::string value = field.substr(equal + 1);
    if (Lower(key) == "protocol") {
      if (Lower(value) != "cfssl") return bad("unrecognized external CA protocol " + value);
      has_protocol = true;
    } else if (Lower(key) == "url") {
      out.set_url(value);
    } else {
      (*out.mutable_options())[key] = value;
    }
  }
  if (!has_protocol) return bad("the external-ca option needs a protocol= parameter");
  if (out.url().empty()) return bad("the external-ca option needs a url= parameter");
  return out;
}

}  // namespace swarm::ctl
