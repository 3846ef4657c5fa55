// From nothing to a container that can be started.
#include <utility>
#include <vector>

#include "core.h"
#include "image_reference.h"
#include "json_read.h"
#include "names.h"

namespace swarm::executor_docker {
namespace {

// An engine with much to do makes a container slowly.
constexpr int kSlowCalls = 5;

bool Named(const std::set<std::string>& names, const TaskNetwork& network) {
  return names.contains(network.name);
}

}  // namespace

Flow<StepResult> Core::Prepare(Handle& handle) {
  Look look = co_await Inspect(handle);
  if (!look.ok()) co_return LookFailure(look.reply);
  if (!look.view) {
    StepResult created = co_await Create(handle);
    if (!created.status.ok()) co_return created;
    look = co_await Inspect(handle);
    if (!look.ok()) co_return LookFailure(look.reply);
    if (!look.view) co_return StepResult::Retry({Code::kAborted, "the container has disappeared"});
  }
  if (look.view->state == RunState::kRemoving) {
    co_return StepResult::Retry(
        {Code::kAborted, "an older container of the task is being removed"});
  }
  // Prepared before, and perhaps started: then it is whole.
  if (look.view->state != RunState::kCreated) co_return StepResult::Ok();
  StepResult connected = co_await ConnectNetworks(handle, look.view->networks);
  if (!connected.status.ok()) co_return connected;
  co_return co_await Upload(handle);
}

Flow<StepResult> Core::Create(Handle& handle) {
  StepResult networks = co_await EnsureNetworks(handle);
  if (!networks.status.ok()) co_return networks;
  StepResult volumes = co_await EnsureVolumes(handle);
  if (!volumes.status.ok()) co_return volumes;
  // A newer version of the task may take its place meanwhile.
  const std::shared_ptr<const pb::Task> task = handle.task;
  const pb::ContainerSpec& spec = task->spec().container();
  std::string pull_error;
  const bool pull = co_await NeedsPull(spec.image());
  if (pull) {
    PullResult pulled = co_await puller_->Pull(spec.image(), spec.pull_options().registry_auth());
    if (pulled.engine_down) {
      co_return StepResult::Retry({Code::kUnavailable, std::move(pulled.error)});
    }
    pull_error = std::move(pulled.error);
    if (!pull_error.empty()) {
      parts_.log.Warn("pulling an image failed; using the engine's own if it has it",
                      {{"image", spec.image()}, {"error", pull_error}});
    }
  }
  co_return co_await SendCreate(handle, std::move(pull_error));
}

// A digest names content that cannot change, so what is there needs no registry.
Flow<bool> Core::NeedsPull(std::string image) {
  const ImageReference reference = ParseImage(image);
  if (reference.is_id || parts_.options.pull == PullPolicy::kNever) co_return false;
  if (reference.digest.empty() && parts_.options.pull == PullPolicy::kAlways) co_return true;
  engine::Request ask = engine::Request::Get("/images/" + engine::Escape(image) + "/json");
  const engine::Reply found = co_await link_->Ask(std::move(ask));
  co_return !found.ok();
}

Flow<StepResult> Core::EnsureNetworks(Handle& handle) {
  const std::vector<TaskNetwork> networks = NetworksOf(*handle.task);
  for (const TaskNetwork& network : networks) {
    if (network.predefined) continue;
    engine::Request ask = engine::Request::Get("/networks/" + engine::Escape(network.name));
    const engine::Reply found = co_await link_->Ask(std::move(ask));
    if (found.ok()) continue;
    if (found.failure != engine::Failure::kNotFound) {
      co_return FailureOf(found, "looking for network " + network.name);
    }
    if (network.create.is_null()) {
      co_return Fail("network " + network.name +
                     " is not on this engine, and the cluster does not say how to make it");
    }
    engine::Request make = engine::Request::PostJson("/networks/create", network.create);
    const engine::Reply made = co_await Make(std::move(make));
    // Another task of this node was faster.
    if (!made.ok() && made.failure != engine::Failure::kConflict) {
      co_return FailureOf(made, "creating network " + network.name + " failed");
    }
  }
  co_return StepResult::Ok();
}

Flow<StepResult> Core::EnsureVolumes(Handle& handle) {
  const std::vector<nlohmann::json> bodies = VolumeBodies(handle.task->spec().container());
  for (const nlohmann::json& body : bodies) {
    engine::Request make = engine::Request::PostJson("/volumes/create", body);
    const engine::Reply made = co_await Make(std::move(make));
    if (!made.ok()) co_return FailureOf(made, "creating volume " + Text(body["Name"]) + " failed");
  }
  co_return StepResult::Ok();
}

Result<CreateContext> Core::ContextOf(Handle& handle) {
  CreateContext context;
  if (const auto version = link_->client().version()) context.api = *version;
  const std::string& credentials =
      handle.task->spec().container().privileges().credential_spec().config();
  if (!credentials.empty() && handle.dependencies) {
    SWARM_ASSIGN_OR_RETURN(const auto config, handle.dependencies->Config(credentials));
    context.credential_spec = config->spec().data();
  }
  SWARM_ASSIGN_OR_RETURN(const auto files, PayloadsOf(*handle.task, handle.dependencies.get()));
  if (files.empty()) return context;
  if (parts_.payloads) {
    SWARM_ASSIGN_OR_RETURN(context.files, parts_.payloads->Put(*handle.task, files));
    return context;
  }
  for (const PayloadFile& file : files) {
    if (!file.secret || parts_.options.remote_secrets) continue;
    return Status(Code::kFailedPrecondition,
                  file.target +
                      ": secrets would be written to the disk of another machine's "
                      "engine; set remote_secrets to allow that");
  }
  return context;
}

Flow<StepResult> Core::SendCreate(Handle& handle, std::string pull_error) {
  auto context = ContextOf(handle);
  if (!context.ok()) co_return StepResult::Failed(context.status());
  auto body = CreateBody(*handle.task, *context);
  if (!body.ok()) co_return StepResult::Failed(body.status());
  engine::Request request = engine::Request::PostJson("/containers/create", *body);
  request.query.emplace_back("name", ContainerName(*handle.task));
  request.timeout = kSlowCalls * parts_.options.engine.call_timeout;
  const engine::Reply made = co_await Make(std::move(request));
  if (made.ok()) {
    if (const auto answer = made.Json(); answer.ok()) {
      handle.container_id = Text(At(*answer, "Id"));
      for (const auto& warning : At(*answer, "Warnings")) {
        parts_.log.Warn("the engine warns of a task's container",
                        {{"task.id", handle.task_id}, {"warning", Text(warning)}});
      }
    }
    co_return StepResult::Ok();
  }
  if (made.failure == engine::Failure::kConflict) {
    // The name is taken: by an earlier attempt whose answer was lost, or by somebody else.
    const Look look = co_await Inspect(handle);
    if (look.ok() && look.view) co_return StepResult::Ok();
  }
  if (made.failure == engine::Failure::kNotFound && !pull_error.empty()) {
    co_return Fail("pulling " + handle.task->spec().container().image() + " failed: " + pull_error);
  }
  co_return FailureOf(made, "");
}

Flow<StepResult> Core::ConnectNetworks(Handle& handle, std::set<std::string> connected) {
  const std::vector<TaskNetwork> networks = NetworksOf(*handle.task);
  for (std::size_t i = 1; i < networks.size(); ++i) {
    const TaskNetwork& network = networks[i];
    if (Named(connected, network)) continue;
    const nlohmann::json body = {{"Container", handle.container_id},
                                 {"EndpointConfig", network.endpoint}};
    engine::Request request =
        engine::Request::PostJson("/networks/" + engine::Escape(network.name) + "/connect", body);
    const engine::Reply reply = co_await Make(std::move(request));
    if (!reply.ok()) {
      co_return FailureOf(reply, "connecting the container to network " + network.name + " failed");
    }
  }
  co_return StepResult::Ok();
}

// Again each time until it is started: an earlier attempt may have been cut short.
Flow<StepResult> Core::Upload(Handle& handle) {
  if (parts_.payloads) co_return StepResult::Ok();
  auto files = PayloadsOf(*handle.task, handle.dependencies.get());
  if (!files.ok()) co_return StepResult::Failed(files.status());
  if (files->empty()) co_return StepResult::Ok();
  auto archive = TarOf(*files);
  if (!archive.ok()) co_return StepResult::Failed(archive.status());
  engine::Request request =
      engine::Request::Put("/containers/" + engine::Escape(handle.container_id) + "/archive");
  request.query.emplace_back("path", "/");
  request.content_type = "application/x-tar";
  request.body = *std::move(archive);
  const engine::Reply reply = co_await Make(std::move(request));
  if (reply.ok()) co_return StepResult::Ok();
  co_return FailureOf(reply, "writing secrets and configs into the container failed");
}

}  // namespace swarm::executor_docker
