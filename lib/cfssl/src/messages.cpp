// The protocol's JSON.
#include <openssl/x509v3.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "cfssl/client.h"
#include "pki/text_keys.h"

namespace swarm::cfssl {

namespace {

using nlohmann::json;

// Profiles of an authority: the default one for nodes, and this one, which an authority has only
// when its operator lets it make other authorities.
constexpr const char* kAuthorityProfile = "CA";
constexpr const char* kBasicConstraints = "2.5.29.19";
constexpr std::size_t kMostOfAReason = 500;

std::string Hex(const unsigned char* bytes, int size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (int i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::string Dump(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

json Name(const std::string& organization, const std::string& unit) {
  json name = json::object();
  if (!organization.empty()) name["O"] = organization;
  if (!unit.empty()) name["OU"] = unit;
  return name;
}

json Request(std::string_view csr_pem, const std::string& common_name, json names) {
  return {{"hosts", json::array()},
          {"certificate_request", csr_pem},
          {"subject", {{"CN", common_name}, {"names", std::move(names)}, {"SerialNumber", ""}}},
          {"profile", ""},
          {"crl_override", ""},
          {"label", ""}};
}

// As text for a log: an authority's words are not ours.
std::string Printable(std::string text) {
  text.resize(std::min(text.size(), kMostOfAReason));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string Reasons(const json& answer) {
  std::string out;
  const auto errors = answer.find("errors");
  if (errors == answer.end() || !errors->is_array()) return out;
  for (const json& error : *errors) {
    const auto message = error.is_object() ? error.find("message") : error.end();
    if (!error.is_object() || message == error.end() || !message->is_string()) continue;
    out += (out.empty() ? "" : "; ") + message->get<std::string>();
  }
  return Printable(std::move(out));
}

Status Refused(const std::string& why) {
  return {Code::kPermissionDenied,
          "the authority refused to sign" + (why.empty() ? "" : ": " + why)};
}

}  // namespace

std::string NodeRequest(std::string_view csr_pem, const pki::NodeSubject& subject) {
  json body =
      Request(csr_pem, subject.node_id, json::array({Name(subject.organization, subject.unit)}));
  body["hosts"] = {subject.unit, subject.node_id};
  if (subject.unit == pki::kManagerUnit) body["hosts"].push_back(pki::kCaName);
  return Dump(body);
}

Result<std::string> CrossSignRequest(std::string_view root_pem, const pki::PrivateKey& key) {
  SWARM_ASSIGN_OR_RETURN(const auto certificates, pki::ParseCertificates(root_pem));
  const pki::Certificate& root = certificates.front();
  X509* native = root.native();
  const int at = X509_get_ext_by_NID(native, NID_basic_constraints, -1);
  if (at < 0 || !root.IsCa()) {
    return Status(Code::kInvalidArgument,
                  "only a certificate of a certificate authority can be cross-signed");
  }
  SWARM_ASSIGN_OR_RETURN(const std::string csr, pki::MakeCsr(key, root));
  const pki::Subject& subject = root.subject();
  json names = json::array();
  if (!subject.organization.empty()) names.push_back(Name(subject.organization, ""));
  for (const std::string& unit : subject.units) names.push_back(Name("", unit));
  json body = Request(csr, subject.common_name, std::move(names));
  body["profile"] = kAuthorityProfile;
  X509_EXTENSION* extension = X509_get_ext(native, at);
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
  body["extensions"] =
      json::array({{{"id", kBasicConstraints},
                    {"critical", X509_EXTENSION_get_critical(extension) == 1},
                    {"value", Hex(ASN1_STRING_get0_data(value), ASN1_STRING_length(value))}}});
  return Dump(body);
}

Result<std::string> ReadAnswer(const Answer& answer) {
  if (answer.http_status != 200) {
    const json body = json::parse(answer.body, nullptr, false);
    const std::string why = body.is_object() ? Reasons(body) : std::string();
    return Status(Code::kUnavailable, "the authority answered with HTTP status " +
                                          std::to_string(answer.http_status) +
                                          (why.empty() ? "" : ": " + why));
  }
  const json body = json::parse(answer.body, nullptr, false);
  if (answer.too_long || body.is_discarded() || !body.is_object()) {
    return Status(Code::kUnavailable, std::string("unable to parse JSON response") +
                                          (answer.too_long ? ": it is too long" : ""));
  }
  const auto success = body.find("success");
  const auto result = body.find("result");
  if (success == body.end() || !success->is_boolean() || !success->get<bool>()) {
    return Refused(Reasons(body));
  }
  const bool has = result != body.end() && result->is_object() && result->contains("certificate");
  if (!has || !(*result)["certificate"].is_string()) {
    return Refused("its answer has no certificate");
  }
  return (*result)["certificate"].get<std::string>();
}

}  // namespace swarm::cfssl
