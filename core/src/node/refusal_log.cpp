#include "node/refusal_log.h"

#include <chrono>
#include <optional>

namespace swarm::node {
namespace {

std::string HostOf(const std::string& address) {
  const auto colon = address.rfind(':');
  return colon == std::string::npos ? address : address.substr(0, colon);
}

}  // namespace

RefusalLog::RefusalLog(const Clock& clock, Logger logger)
    : clock_(clock), logger_(std::move(logger)) {}

void RefusalLog::Note(const CallContext& context, const Status& why) {
  std::optional<std::uint64_t> skipped;
  {
    const std::lock_guard lock(mutex_);
    skipped =
        repeats_.Line(HostOf(context.remote_address()) + context.method(), clock_.SteadyNow());
  }
  if (!skipped) return;
  const auto& caller = context.caller();
  logger_.Warn("refused a call", {{"method", context.method()},
                                  {"peer", context.remote_address()},
                                  {"caller", caller ? caller->node_id : "no certificate"},
                                  {"error", why.message()},
                                  {"repeated", std::to_string(*skipped)}});
}

}  // namespace swarm::node
