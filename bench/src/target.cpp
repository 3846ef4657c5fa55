#include "target.h"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <future>
#include <sstream>

namespace swarm::bench {

Result<TargetSpec> ParseTarget(const std::string& text) {
  TargetSpec target;
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Status(Code::kInvalidArgument,
                  "target \"" + text + "\": write NAME=/path/to.sock[,pid=N][,plaintext]");
  }
  target.name = text.substr(0, equals);
  std::istringstream parts(text.substr(equals + 1));
  std::getline(parts, target.socket, ',');
  for (std::string option; std::getline(parts, option, ',');) {
    if (option == "plaintext") {
      target.plaintext = true;
    } else if (option.rfind("pid=", 0) == 0) {
      target.pid = static_cast<pid_t>(std::atol(option.c_str() + 4));
    } else {
      return Status(Code::kInvalidArgument, "target " + target.name + ": unknown option \"" +
                                                option + "\"; known are pid=N and plaintext");
    }
  }
  if (target.socket.empty()) {
    return Status(Code::kInvalidArgument, "target " + target.name + ": the socket's path is empty");
  }
  return target;
}

Client::Client(Network& network, const TargetSpec& target) {
  DialOptions options;
  options.plaintext = target.plaintext;
  auto channel = network.Dial("unix://" + target.socket, std::move(options));
  if (channel.ok()) {
    channel_ = std::move(*channel);
  } else {
    dial_error_ = channel.status();
  }
}

Result<Payload> Client::CallBytes(const char* method, Payload request) {
  SWARM_RETURN_IF_ERROR(dial_error_);
  std::promise<Result<Payload>> answer;
  auto future = answer.get_future();
  CallOptions options;
  options.timeout = std::chrono::seconds(60);
  options.wait_for_ready = true;
  channel_->Call(method, std::move(options), std::move(request),
                 [&answer](Result<Payload> reply) { answer.set_value(std::move(reply)); });
  return future.get();
}

Result<std::uint64_t> ResidentBytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0, resident = 0;
  if (!(in >> total >> resident)) {
    return Status(Code::kNotFound, "process " + std::to_string(pid) + " cannot be read");
  }
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace swarm::bench
