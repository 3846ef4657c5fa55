// A proxy that lets this manager answer and writes a line about every call.
//
// What only the leader may answer comes here first. This proxy knows one manager: when it leads,
// it answers itself; when it does not, the caller is told to try again. To make it your own, pass
// the call on where `Refuse` is used: see swarm/network.h for channels to other managers.
#include <swarm/consensus.h>
#include <swarm/plugin.h>
#include <swarm/proxy.h>

#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace {

using swarm::CallContextPtr;
using swarm::Payload;
using swarm::Result;
using swarm::Status;

constexpr swarm::SettingDescriptor kSettings[] = {
    {"log_calls", swarm::SettingType::kBool, "true", "Write a line for each call."},
};

class LoggingProxy final : public swarm::Instance, public swarm::Proxy {
 public:
  LoggingProxy(swarm::InstanceContext& context, const swarm::Consensus& consensus)
      : logger_(context.logger()),
        clock_(context.runtime().clock()),
        log_calls_(context.settings().GetBool("log_calls")),
        consensus_(consensus) {}

  // Instance. Nothing is started, so there is nothing to stop.
  void* role() noexcept override { return static_cast<swarm::Proxy*>(this); }
  void Start(swarm::Function<void(Status)> done) noexcept override { done(Status::Ok()); }
  void Stop(swarm::Function<void()> done) noexcept override { done(); }

  // Proxy. Called from any thread; must not block.
  void Unary(CallContextPtr context, Payload request, swarm::UnaryReply reply,
             std::shared_ptr<swarm::UnaryHandler> here) noexcept override {
    if (!consensus_.Leader().self) return reply(Refuse(*context));
    if (!log_calls_) return here->Handle(std::move(context), std::move(request), std::move(reply));
    // The reply may come after this proxy is gone: what it needs, it owns. The clock is the
    // runtime's, which outlives every plugin.
    const swarm::SteadyTime begun = clock_.SteadyNow();
    auto logged = [logger = logger_, &clock = clock_, begun, context,
                   reply = std::move(reply)](Result<Payload> result) mutable {
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(clock.SteadyNow() - begun);
      logger.Info("call", {{"method", context->method()},
                           {"from", context->remote_address()},
                           {"code", std::string(CodeName(result.status().code()))},
                           {"us", std::to_string(took.count())}});
      reply(std::move(result));
    };
    here->Handle(std::move(context), std::move(request), std::move(logged));
  }

  void Stream(swarm::ServerStreamPtr stream,
              std::shared_ptr<swarm::StreamHandler> here) noexcept override {
    const CallContextPtr context = stream->context();
    if (!consensus_.Leader().self) return stream->Finish(Refuse(*context));
    if (log_calls_) {
      logger_.Info("stream opened",
                   {{"method", context->method()}, {"from", context->remote_address()}});
    }
    here->Open(std::move(stream));
  }

 private:
  Status Refuse(const swarm::CallContext& context) const {
    if (log_calls_) logger_.Info("call refused", {{"method", context.method()}});
    return {swarm::Code::kUnavailable, "this manager does not lead; try again"};
  }

  const swarm::Logger logger_;
  const swarm::Clock& clock_;
  const bool log_calls_;
  const swarm::Consensus& consensus_;
};

Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN(auto* consensus, context.Require<swarm::Consensus>(swarm::kConsensusRole));
  return std::unique_ptr<swarm::Instance>(std::make_unique<LoggingProxy>(context, *consensus));
}

constexpr swarm::UnitDescriptor kUnits[] = {
    {"proxy/1", swarm::Scope::kManager, "consensus/1", "", &Create},
};

}  // namespace

SWARM_PLUGIN(proxy_template) = {SWARM_PLUGIN_HEADER,
                                "proxy-template",
                                "0.1.0",
                                "Answers here, and writes a line about every call",
                                swarm::Maturity::kAlpha,
                                kSettings,
                                std::size(kSettings),
                                kUnits,
                                std::size(kUnits)};
