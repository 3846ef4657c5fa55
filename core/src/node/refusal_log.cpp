#include "node/refusal_log.h"

#include <chrono>
#include <optional>

namespace swarm::node {
namespace {

constexpr std::chrono::seconds kInterval{10};
// Callers that are told apart; beyond that the list begins anew.
constexpr std::size_t kCallers = 1024;

std::string HostOf(const std::string& address) {
  const auto colon = address.rfind(':');
  return colon == std::string::npos ? address : address.substr(0, colon);
}

}  // namespace

RefusalLog::RefusalLog(const Clock& clock, Logger logger)
    : clock_(clock), logger_(std::move(logger)) {}

void RefusalLog::Note(const CallContext& context, const Status& why) {
  const SteadyTime now = clock_.SteadyNow();
  std::uint64_t skipped = 0;
  {
    const std::lock_guard lock(mutex_);
    if (seen_.size() >= kCallers) seen_.clear();
    const auto [found, fresh] =
        seen_.try_emplace(HostOf(context.remote_address()) + context.method(), Seen{now, 0});
    if (!fresh && now - found->second.logged < kInterval) {
      ++found->second.since;
      return;
    }
    skipped = found->second.since;
    found->second = {now, 0};
  }
  const auto& caller = context.caller();
  logger_.Warn("refused a call", {{"method", context.method()},
                                  {"peer", context.remote_address()},
                                  {"caller", caller ? caller->node_id : "no certificate"},
                                  {"error", why.message()},
                                  {"repeated", std::to_string(skipped)}});
}

}  // namespace swarm::node
