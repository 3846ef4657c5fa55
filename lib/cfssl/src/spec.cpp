#include "cfssl/spec.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "gotext/gotext.h"
#include "pki/certificate.h"

namespace swarm::cfssl {

namespace {

Status Invalid(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

Result<pb::ExternalCA> ParseExternalCa(std::string_view text) {
  SWARM_ASSIGN_OR_RETURN(const auto fields, gotext::ParseCsv(text));
  pb::ExternalCA out;
  bool has_protocol = false;
  for (const std::string& field : fields) {
    const auto equal = field.find('=');
    if (equal == std::string::npos) {
      return Invalid("invalid field '" + field + "' must be a key=value pair");
    }
    const std::string key = field.substr(0, equal);
    const std::string value = field.substr(equal + 1);
    if (Lower(key) == "protocol") {
      if (Lower(value) != "cfssl") return Invalid("unrecognized external CA protocol " + value);
      has_protocol = true;
    } else if (Lower(key) == "url") {
      out.set_url(value);
    } else {
      (*out.mutable_options())[key] = value;
    }
  }
  if (!has_protocol) return Invalid("the external-ca option needs a protocol= parameter");
  if (out.url().empty()) return Invalid("the external-ca option needs a url= parameter");
  return out;
}

std::string NormalizedPem(std::string_view pem) {
  const auto parsed = pki::ParseCertificates(pem);
  return parsed.ok() ? pki::EncodeCertificates(*parsed) : std::string();
}

std::vector<std::string> UrlsFor(const pb::CAConfig& config, std::string_view wanted_pem,
                                 std::string_view current_pem) {
  std::vector<std::string> urls;
  const std::string wanted = NormalizedPem(wanted_pem);
  for (const pb::ExternalCA& authority : config.external_cas()) {
    if (authority.protocol() != pb::ExternalCA::CFSSL) continue;
    const std::string serves = NormalizedPem(
        authority.ca_cert().empty() ? current_pem : std::string_view(authority.ca_cert()));
    if (!serves.empty() && serves == wanted) urls.push_back(authority.url());
  }
  return urls;
}

}  // namespace swarm::cfssl
