// swarmctl secret and swarmctl config: create, inspect, ls, remove.
#include <algorithm>
#include <map>

#include "command.h"
#include "filters.h"
#include "listing.h"
#include "resolve.h"
#include "table.h"
#include "words.h"

namespace swarm::ctl {
namespace {

// What differs between the two.
struct Secrets {
  using Object = pb::Secret;
  static constexpr const char* kWord = "secret";

  static Result<Object> Find(Client& client, const std::string& text, Purpose purpose) {
    return FindSecret(client, text, purpose);
  }
  static Result<std::string> Create(Client& client, const pb::SecretSpec& spec) {
    pb::CreateSecretRequest request;
    *request.mutable_spec() = spec;
    SWARM_ASSIGN_OR_RETURN(const auto response,
                           client.Call<pb::CreateSecretResponse>("CreateSecret", request));
    return response.secret().id();
  }
  static Status Remove(Client& client, const std::string& id) {
    pb::RemoveSecretRequest request;
    request.set_secret_id(id);
    return client.Call<pb::RemoveSecretResponse>("RemoveSecret", request).status();
  }
  static Result<std::vector<Object>> List(Invocation& run) {
    pb::ListSecretsRequest request;
    SWARM_RETURN_IF_ERROR(ReadFilters(run, CommonFilters(request.mutable_filters())));
    SWARM_ASSIGN_OR_RETURN(const auto response,
                           run.client.Call<pb::ListSecretsResponse>("ListSecrets", request));
    return std::vector<Object>(response.secrets().begin(), response.secrets().end());
  }
  static std::vector<std::string> Titles() { return {"ID", "Name", "Driver", "Created"}; }
  static std::vector<std::string> Row(const Object& secret, std::string created) {
    return {secret.id(), secret.spec().annotations().name(), secret.spec().driver().name(),
            std::move(created)};
  }
  static void SetDriver(pb::SecretSpec* spec, const std::string& name) {
    spec->mutable_driver()->set_name(name);
  }
};

struct Configs {
  using Object = pb::Config;
  static constexpr const char* kWord = "config";

  static Result<Object> Find(Client& client, const std::string& text, Purpose purpose) {
    return FindConfig(client, text, purpose);
  }
  static Result<std::string> Create(Client& client, const pb::ConfigSpec& spec) {
    pb::CreateConfigRequest request;
    *request.mutable_spec() = spec;
    SWARM_ASSIGN_OR_RETURN(const auto response,
                           client.Call<pb::CreateConfigResponse>("CreateConfig", request));
    return response.config().id();
  }
  static Status Remove(Client& client, const std::string& id) {
    pb::RemoveConfigRequest request;
    request.set_config_id(id);
    return client.Call<pb::RemoveConfigResponse>("RemoveConfig", request).status();
  }
  static Result<std::vector<Object>> List(Invocation& run) {
    pb::ListConfigsRequest request;
    SWARM_RETURN_IF_ERROR(ReadFilters(run, CommonFilters(request.mutable_filters())));
    SWARM_ASSIGN_OR_RETURN(const auto response,
                           run.client.Call<pb::ListConfigsResponse>("ListConfigs", request));
    return std::vector<Object>(response.configs().begin(), response.configs().end());
  }
  static std::vector<std::string> Titles() { return {"ID", "Name", "Created"}; }
  static std::vector<std::string> Row(const Object& config, std::string created) {
    return {config.id(), config.spec().annotations().name(), std::move(created)};
  }
  static void SetDriver(pb::ConfigSpec*, const std::string&) {}  // has none
};

Status SetLabels(Invocation& run, pb::Annotations* annotations) {
  for (const std::string& label : run.flags.Strings("label")) {
    const auto equal = label.find('=');
    if (equal == std::string::npos) return run.Misused("malformed label: " + label);
    (*annotations->mutable_labels())[Trim(label.substr(0, equal))] = Trim(label.substr(equal + 1));
  }
  return Status::Ok();
}

template <class Kind>
Status Create(Invocation& run) {
  const std::string word = Kind::kWord;
  if (run.arguments.size() != 1) {
    return run.Misused("create command takes a unique " + word +
                       " name as an argument, and accepts " + word +
                       " data via stdin or via a file");
  }
  std::decay_t<decltype(typename Kind::Object().spec())> spec;
  spec.mutable_annotations()->set_name(run.arguments[0]);
  SWARM_RETURN_IF_ERROR(SetLabels(run, spec.mutable_annotations()));
  const std::string path = run.flags.String("file");
  if (run.flags.Given("driver")) Kind::SetDriver(&spec, run.flags.String("driver"));
  if (!path.empty() || !run.flags.Given("driver")) {
    const auto data = run.environment.read(path);
    if (!data.ok()) {
      return data.status().WithContext(path.empty() ? "Error reading content from STDIN"
                                                    : "Error reading from file '" + path + "'");
    }
    spec.set_data(*data);
  }
  SWARM_ASSIGN_OR_RETURN(const std::string id, Kind::Create(run.client, spec));
  run.out += id + "\n";
  return Status::Ok();
}

// The newest first.
template <class Kind>
Status List(Invocation& run) {
  SWARM_RETURN_IF_ERROR(run.NoArguments("ls"));
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(auto objects, Kind::List(run));
  const auto created = [](const auto& object) {
    const auto& time = object.meta().created_at();
    return std::pair(time.seconds(), time.nanos());
  };
  std::stable_sort(objects.begin(), objects.end(),
                   [&created](const auto& a, const auto& b) { return created(a) > created(b); });
  ShowObjects(run, form, objects, Table(0, 4), Kind::Titles(), [&run](const auto& object) {
    const bool known = object.meta().has_created_at();
    return Kind::Row(object, known ? RelativeTime(object.meta().created_at(), run.now) : "");
  });
  return Status::Ok();
}

void PrintPayload(const pb::Secret&, Invocation&) {}  // managers do not tell it
void PrintPayload(const pb::Config& config, Invocation& run) {
  run.out += "Payload:\n\n" + config.spec().data();
  if (!config.spec().data().ends_with('\n')) run.out += '\n';
}

template <class Kind>
Status Inspect(Invocation& run) {
  if (run.arguments.size() != 1) {
    return run.Misused(std::string("inspect command takes a single ") + Kind::kWord +
                       " ID or name");
  }
  SWARM_ASSIGN_OR_RETURN(const Form form, WantedForm(run));
  SWARM_ASSIGN_OR_RETURN(const auto object,
                         Kind::Find(run.client, run.arguments[0], Purpose::kShow));
  if (form == Form::kJson) {
    run.out += ToJson(object) + "\n";
    return Status::Ok();
  }
  const pb::Annotations& annotations = object.spec().annotations();
  Table table = SummaryTable();
  table.Line("ID\t: " + object.id());
  table.Line("Name\t: " + annotations.name());
  if (!annotations.labels().empty()) table.Line("Labels\t");
  for (const auto& [key, value] : std::map<std::string, std::string>(annotations.labels().begin(),
                                                                     annotations.labels().end())) {
    table.Line("  " + key + "\t: " + value);
  }
  table.Line("Created\t: " + AbsoluteTime(object.meta().created_at()));
  run.out += table.Text();
  PrintPayload(object, run);
  return Status::Ok();
}

template <class Kind>
Status Remove(Invocation& run) {
  if (run.arguments.empty()) {
    return run.Misused(std::string("remove command takes a ") + Kind::kWord + " ID or name");
  }
  for (const std::string& text : run.arguments) {
    SWARM_ASSIGN_OR_RETURN(const auto object, Kind::Find(run.client, text, Purpose::kRemove));
    SWARM_RETURN_IF_ERROR(Kind::Remove(run.client, object.id()));
    run.out += object.id() + "\n";
  }
  return Status::Ok();
}

template <class Kind>
Command Commands(const std::string& group_summary, Completes names, const FlagSpec* driver) {
  const std::string word = Kind::kWord;
  const std::string usage = "<" + word + " ID or name>";
  FlagSpec file{"file", 'f', FlagKind::kString, "",
                "Rather than read the " + word + " from STDIN, read from the given file"};
  file.completes = Completes::kFiles;
  std::vector<FlagSpec> create = {file, {"label", 0, FlagKind::kStrings, "", "Label (key=value)"}};
  if (driver) create.push_back(*driver);
  return {word,
          {},
          "",
          group_summary,
          {},
          {{"create", {}, "<" + word + " name>", "Create a " + word, create, {}, Create<Kind>},
           {"inspect", {}, usage, "Inspect a " + word, {FormatFlag()}, {}, Inspect<Kind>, names},
           {"ls", {}, "", "List " + word + "s", ListFlags(kCommonFilters), {}, List<Kind>},
           {"remove", {"rm"}, usage, "Remove a " + word, {}, {}, Remove<Kind>, names}},
          nullptr};
}

}  // namespace

Command SecretCommands() {
  const FlagSpec driver{"driver", 'd', FlagKind::kString, "",
                        "Driver that provides the secret's data"};
  return Commands<Secrets>("Secrets management", Completes::kSecrets, &driver);
}

Command ConfigCommands() {
  return Commands<Configs>("Config management", Completes::kConfigs, nullptr);
}

}  // namespace swarm::ctl
