// swarmctl cluster: ls, inspect, update, unlock-key.
#include <fstream>
#include <map>
#include <sstream>

#include "cfssl/spec.h"
#include "command.h"
#include "filters.h"
#include "listing.h"
#include "pki/text_keys.h"
#include "resolve.h"
#include "swarmkit/v1/ca.pb.h"
#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  pb::ListClustersRequest request;
  SWARM_RETURN_IF_ERROR(ReadFilters(run, CommonFilters(request.mutable_filters())));
  SWARM_ASSIGN_OR_RETURN(const auto found,
                         run.client.Call<pb::ListClustersResponse>("ListClusters", request));
  ShowObjects(run, form, found.clusters(), ListTable(), {"ID", "Name"},
              [](const pb::Cluster& cluster) {
                return std::vector<std::string>{cluster.id(), cluster.spec().annotations().name()};
              });
  return Status::Ok();
}

void PrintAuthority(const pb::Cluster& cluster, Table& table) {
  const pb::CAConfig& config = cluster.spec().ca_config();
  table.Line("Certificate Authority settings:");
  if (config.has_node_cert_expiry()) {
    table.Line("  Certificate Validity Duration: " + DurationText(config.node_cert_expiry()));
  }
  if (!config.external_cas().empty()) {
    table.Line("  External CAs:");
    for (const auto& ca : config.external_cas()) {
      table.Line("    " + pb::ExternalCA::CAProtocol_Name(ca.protocol()) + ": " + ca.url());
    }
  }
  if (cluster.root_ca().has_root_rotation()) table.Line("  Root Rotation: in progress");
  table.Line("  Join Tokens:");
  table.Line("    Worker: " + cluster.root_ca().join_tokens().worker());
  table.Line("    Manager: " + cluster.root_ca().join_tokens().manager());
}

Status Inspect(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("cluster name missing", "inspect command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const pb::Cluster cluster, FindCluster(run.client, text));
  if (form == Form::kJson) {
    run.out += ToJson(cluster) + "\n";
    return Status::Ok();
  }
  const pb::ClusterSpec& spec = cluster.spec();
  Table table = SummaryTable();
  table.Line("ID\t: " + cluster.id());
  table.Line("Name\t: " + spec.annotations().name());
  table.Line("Orchestration settings:");
  table.Line("  Task history entries: " +
             std::to_string(spec.orchestration().task_history_retention_limit()));
  table.Line("Dispatcher settings:");
  table.Line("  Dispatcher heartbeat period: " +
             DurationText(spec.dispatcher().heartbeat_period()));
  PrintAuthority(cluster, table);
  if (spec.task_defaults().has_log_driver()) {
    const pb::Driver& driver = spec.task_defaults().log_driver();
    table.Line("Default Log Driver\t: " + driver.name());
    const std::map<std::string, std::string> options(driver.options().begin(),
                                                     driver.options().end());
    for (const auto& [key, value] : options) {
      table.Line("  " + key + "\t" + (value.empty() ? "" : ": " + value));
    }
  }
  run.out += table.Text();
  return Status::Ok();
}

// `key[=value]` each.
void SetLogDriver(const Flags& flags, pb::ClusterSpec* spec) {
  if (!flags.Given("log-driver")) return;
  auto* driver = spec->mutable_task_defaults()->mutable_log_driver();
  driver->Clear();
  driver->set_name(flags.String("log-driver"));
  for (const std::string& option : flags.Strings("log-opt")) {
    const auto equal = option.find('=');
    (*driver->mutable_options())[option.substr(0, equal)] =
        equal == std::string::npos ? "" : option.substr(equal + 1);
  }
}

Result<std::string> ReadPem(Invocation& run, const std::string& what, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  if (!in) return run.Misused("cannot read the " + what + " from " + path);
  return text.str();
}

// A root to move the cluster to.
Status SetRoot(Invocation& run, pb::CAConfig* config) {
  if (run.flags.Given("ca-cert")) {
    SWARM_ASSIGN_OR_RETURN(*config->mutable_signing_ca_cert(),
                           ReadPem(run, "root certificate", run.flags.String("ca-cert")));
  }
  if (run.flags.Given("ca-key")) {
    SWARM_ASSIGN_OR_RETURN(*config->mutable_signing_ca_key(),
                           ReadPem(run, "root key", run.flags.String("ca-key")));
  }
  return Status::Ok();
}

Status SetExternalCas(Invocation& run, pb::CAConfig* config) {
  if (!run.flags.Given("external-ca")) return Status::Ok();
  config->clear_external_cas();
  for (const std::string& text : run.flags.Strings("external-ca")) {
    auto parsed = cfssl::ParseExternalCa(text);
    if (!parsed.ok()) return run.Misused(parsed.status().message());
    auto& options = *parsed->mutable_options();
    if (const auto file = options.find("cacert"); file != options.end()) {
      SWARM_ASSIGN_OR_RETURN(*parsed->mutable_ca_cert(),
                             ReadPem(run, "external CA's certificate", file->second));
      options.erase(file);
    }
    *config->add_external_cas() = std::move(*parsed);
  }
  return Status::Ok();
}

Status SetAuthority(Invocation& run, pb::ClusterSpec* spec) {
  if (run.flags.Given("certexpiry")) {
    SetDuration(run.flags.Time("certexpiry"),
                spec->mutable_ca_config()->mutable_node_cert_expiry());
  }
  // Any other number than the last asks for a new root.
  if (run.flags.Bool("rotate-ca")) {
    spec->mutable_ca_config()->set_force_rotate(spec->ca_config().force_rotate() + 1);
  }
  SWARM_RETURN_IF_ERROR(SetRoot(run, spec->mutable_ca_config()));
  return SetExternalCas(run, spec->mutable_ca_config());
}

Status SetRotation(Invocation& run, pb::KeyRotation* rotation) {
  if (run.flags.Given("rotate-join-token")) {
    const std::string role = Lower(run.flags.String("rotate-join-token"));
    if (role == "worker") {
      rotation->set_worker_join_token(true);
    } else if (role == "manager") {
      rotation->set_manager_join_token(true);
    } else {
      return run.Misused("--rotate-join-token flag must be followed by 'worker' or 'manager'");
    }
  }
  rotation->set_manager_unlock_key(run.flags.Bool("rotate-unlock-key"));
  return Status::Ok();
}

// The key is told by a service of its own, not with the cluster.
Status PrintUnlockKey(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(const auto response, run.client.CallService<pb::GetUnlockKeyResponse>(
                                                  "CA/GetUnlockKey", pb::GetUnlockKeyRequest()));
  if (response.unlock_key().empty()) {
    run.out += "Managers not auto-locked\n";
  } else {
    run.out +=
        "Managers auto-locked.  Unlock key: " + pki::FormatUnlockKey(response.unlock_key()) + "\n";
  }
  return Status::Ok();
}

Status UnlockKey(Invocation& run) {
  SWARM_RETURN_IF_ERROR(
      run.OneArgument("cluster name missing", "unlock-key command takes exactly 1 argument")
          .status());
  return PrintUnlockKey(run);
}

Status Update(Invocation& run) {
  SWARM_ASSIGN_OR_RETURN(
      const std::string text,
      run.OneArgument("cluster name missing", "update command takes exactly 1 argument"));
  SWARM_ASSIGN_OR_RETURN(const pb::Cluster cluster, FindCluster(run.client, text));
  pb::UpdateClusterRequest request;
  request.set_cluster_id(cluster.id());
  *request.mutable_cluster_version() = cluster.meta().version();
  pb::ClusterSpec* spec = request.mutable_spec();
  *spec = cluster.spec();
  if (run.flags.Given("taskhistory")) {
    spec->mutable_orchestration()->set_task_history_retention_limit(run.flags.Int("taskhistory"));
  }
  if (run.flags.Given("heartbeatperiod")) {
    SetDuration(run.flags.Time("heartbeatperiod"),
                spec->mutable_dispatcher()->mutable_heartbeat_period());
  }
  if (run.flags.Given("autolock")) {
    spec->mutable_encryption_config()->set_auto_lock_managers(run.flags.Bool("autolock"));
  }
  SWARM_RETURN_IF_ERROR(SetAuthority(run, spec));
  SetLogDriver(run.flags, spec);
  SWARM_RETURN_IF_ERROR(SetRotation(run, request.mutable_rotation()));
  SWARM_ASSIGN_OR_RETURN(const auto response,
                         run.client.Call<pb::UpdateClusterResponse>("UpdateCluster", request));
  run.out += response.cluster().id() + "\n";
  return run.flags.Bool("rotate-unlock-key") ? PrintUnlockKey(run) : Status::Ok();
}

std::vector<FlagSpec> UpdateFlags() {
  std::vector<FlagSpec> out = {
      {"taskhistory", 0, FlagKind::kInt, "",
       "Number of historic task entries to retain per slot or node"},
      {"certexpiry", 0, FlagKind::kDuration, "2160h0m0s",
       "Duration node certificates will be valid for"},
      {"external-ca", 0, FlagKind::kRepeated, "",
       "A signing endpoint: protocol=cfssl,url=https://HOST/PATH[,cacert=FILE]; FILE is the root "
       "it signs for, else the cluster's; replaces all there were"},
      {"heartbeatperiod", 0, FlagKind::kDuration, "",
       "Period when heartbeat is expected to receive from agent"},
      {"log-driver", 0, FlagKind::kString, "", "Set default log driver for cluster"},
      {"log-opt", 0, FlagKind::kStrings, "", "Set options for default log driver"},
      {"rotate-join-token", 0, FlagKind::kString, "", "Rotate join token for worker or manager"},
      {"rotate-ca", 0, FlagKind::kBool, "",
       "Make a new root certificate and move every node to it, without interruption; join tokens "
       "change once that is done"},
      {"ca-cert", 0, FlagKind::kString, "",
       "File with a root certificate to move every node to, as --rotate-ca does; without --ca-key "
       "an external CA must sign for it"},
      {"ca-key", 0, FlagKind::kString, "", "File with the key of the root of --ca-cert"},
      {"rotate-unlock-key", 0, FlagKind::kBool, "", "Rotate manager unlock key"},
      {"autolock", 0, FlagKind::kBool, "",
       "Enable or disable manager autolocking (requiring an unlock key to start a stopped "
       "manager)"},
  };
  for (FlagSpec& flag : out) {
    if (flag.name == "rotate-join-token") flag.choices = {"worker", "manager"};
  }
  return out;
}

}  // namespace

Command ClusterCommands() {
  constexpr auto kNames = Completes::kClusters;
  return {
      "cluster",
      {},
      "",
      "Cluster management",
      {},
      {{"inspect", {}, "<cluster name>", "Inspect a cluster", {FormatFlag()}, {}, Inspect, kNames},
       {"ls", {}, "", "List clusters", ListFlags(kCommonFilters), {}, List},
       {"unlock-key",
        {},
        "<cluster name>",
        "Print the key that unlocks managers",
        {},
        {},
        UnlockKey,
        kNames},
       {"update", {}, "<cluster name>", "Update a cluster", UpdateFlags(), {}, Update, kNames}},
      nullptr};
}

}  // namespace swarm::ctl
