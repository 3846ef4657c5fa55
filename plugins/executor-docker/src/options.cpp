#include "options.h"

#include <utility>

namespace swarm::executor_docker {
namespace {

Result<std::optional<engine::TlsFiles>> TlsOf(const Settings& settings) {
  engine::TlsFiles files{settings.GetString("tls_ca"), settings.GetString("tls_cert"),
                         settings.GetString("tls_key"), settings.GetString("tls_name")};
  if (files.cert.empty() != files.key.empty()) {
    return Status(Code::kInvalidArgument, "tls_cert and tls_key belong together; set both");
  }
  const bool any = !files.ca.empty() || !files.cert.empty() || !files.server_name.empty();
  if (!any && !settings.GetBool("tls")) return std::optional<engine::TlsFiles>();
  return std::optional(std::move(files));
}

}  // namespace

Result<DockerOptions> OptionsFromSettings(const Settings& settings) {
  DockerOptions out;
  auto address = engine::ParseAddress(settings.GetString("engine"));
  if (!address.ok()) return address.status().WithContext("engine");
  out.engine.address = *std::move(address);
  SWARM_ASSIGN_OR_RETURN(out.engine.tls, TlsOf(settings));
  if (out.engine.tls && out.engine.address.local()) {
    return Status(Code::kInvalidArgument,
                  "engine " + out.engine.address.text + ": TLS is for tcp:// addresses only");
  }
  out.engine.connect_timeout = settings.GetDuration("connect_timeout");
  out.engine.call_timeout = settings.GetDuration("call_timeout");
  out.hostname = settings.GetString("hostname");
  const std::string& pull = settings.GetString("pull");
  out.pull = pull == "never"     ? PullPolicy::kNever
             : pull == "missing" ? PullPolicy::kMissing
                                 : PullPolicy::kAlways;
  out.pull_timeout = settings.GetDuration("pull_timeout");
  out.pull_idle_timeout = settings.GetDuration("pull_idle_timeout");
  out.poll_interval = settings.GetDuration("poll_interval");
  out.reconnect_maximum = settings.GetDuration("reconnect_maximum");
  out.payload_dir = settings.GetString("payload_dir");
  out.remote_secrets = settings.GetBool("remote_secrets");
  return out;
}

}  // namespace swarm::executor_docker
