#include "rpc/router.h"

#include <future>
#include <map>
#include <optional>
#include <utility>

namespace swarm::rpc {
namespace {

struct Service {
  std::atomic<bool> declared{false};
};

// The call as its handler sees it when that differs from the transport's view.
class EffectiveContext final : public CallContext {
 public:
  EffectiveContext(CallContextPtr inner, std::shared_ptr<const std::optional<Identity>> caller,
                   std::optional<std::string> remote_address)
      : inner_(std::move(inner)),
        caller_(std::move(caller)),
        remote_address_(std::move(remote_address)) {}

  const std::string& method() const noexcept override { return inner_->method(); }
  Listener listener() const noexcept override { return inner_->listener(); }
  const std::optional<Identity>& caller() const noexcept override { return *caller_; }
  const std::string& remote_address() const noexcept override {
    return remote_address_ ? *remote_address_ : inner_->remote_address();
  }
  const Metadata& metadata() const noexcept override { return inner_->metadata(); }
  std::optional<SteadyTime> deadline() const noexcept override { return inner_->deadline(); }
  void OnCancel(Function<void()> fn) noexcept override { inner_->OnCancel(std::move(fn)); }
  bool cancelled() const noexcept override { return inner_->cancelled(); }

 private:
  const CallContextPtr inner_;
  const std::shared_ptr<const std::optional<Identity>> caller_;
  const std::optional<std::string> remote_address_;
};

// A stream whose context was replaced.
class EffectiveStream final : public ServerStream {
 public:
  EffectiveStream(ServerStreamPtr inner, CallContextPtr context)
      : inner_(std::move(inner)), context_(std::move(context)) {}

  const CallContextPtr& context() const noexcept override { return context_; }
  void Read(Function<void(std::optional<Payload>)> done) noexcept override {
    inner_->Read(std::move(done));
  }
  void Send(Payload message, Function<void(bool)> done) noexcept override {
    inner_->Send(std::move(message), std::move(done));
  }
  void Finish(Status status) noexcept override { inner_->Finish(std::move(status)); }

 private:
  const ServerStreamPtr inner_;
  const CallContextPtr context_;
};

class RegistrationImpl final : public Registration {
 public:
  explicit RegistrationImpl(Function<void()> undo) : undo_(std::move(undo)) {}
  ~RegistrationImpl() override { undo_(); }

 private:
  Function<void()> undo_;
};

}  // namespace

struct RouterImpl::Slot {
  Slot(const Method& described, std::shared_ptr<Service> part_of)
      : method(described), service(std::move(part_of)) {}

  template <class Handler>
  std::shared_ptr<Handler> Current(std::shared_ptr<Handler> Slot::*where) {
    std::lock_guard lock(mutex);
    return this->*where;
  }

  // Why nobody is registered.
  Status Missing() const {
    if (!service->declared.load(std::memory_order_relaxed)) {
      return MethodTable::UnknownService(method.service);
    }
    return {
        Code::kUnavailable,
        method.name + " is not served here now: this node is not a manager or is still starting"};
  }

  const Method& method;
  const std::shared_ptr<Service> service;
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> refused{0};

  std::mutex mutex;  // guards the handlers, held only to copy or set one
  std::shared_ptr<UnaryHandler> unary;
  std::shared_ptr<StreamHandler> stream;
};

// Finds the handler only when it is called: a proxy may wait until this manager leads, and what
// leads registers then.
class RouterImpl::HereUnary final : public UnaryHandler {
 public:
  explicit HereUnary(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
  void Handle(CallContextPtr context, Payload request, UnaryReply reply) noexcept override {
    if (auto handler = slot_->Current(&Slot::unary)) {
      return handler->Handle(std::move(context), std::move(request), std::move(reply));
    }
    reply(slot_->Missing());
  }

 private:
  const std::shared_ptr<Slot> slot_;
};

class RouterImpl::HereStream final : public StreamHandler {
 public:
  explicit HereStream(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}
  void Open(ServerStreamPtr stream) noexcept override {
    if (auto handler = slot_->Current(&Slot::stream)) return handler->Open(std::move(stream));
    stream->Finish(slot_->Missing());
  }

 private:
  const std::shared_ptr<Slot> slot_;
};

struct RouterImpl::Entry {
  std::shared_ptr<Slot> slot;
  std::shared_ptr<UnaryHandler> here_unary;
  std::shared_ptr<StreamHandler> here_stream;
};

struct RouterImpl::Self {
  std::shared_ptr<const std::optional<Identity>> identity;
  Policy policy;
};

// A proxy and the calls inside of it: the last one to let go says so.
class RouterImpl::ProxyUse {
 public:
  explicit ProxyUse(Proxy& proxy) : proxy_(proxy) {}
  ~ProxyUse() { unused_.set_value(); }
  ProxyUse(const ProxyUse&) = delete;
  ProxyUse& operator=(const ProxyUse&) = delete;

  Proxy& proxy() { return proxy_; }
  std::future<void> WhenUnused() { return unused_.get_future(); }

 private:
  Proxy& proxy_;
  std::promise<void> unused_;
};

RouterImpl::RouterImpl() {
  auto self = std::make_shared<Self>();
  self->identity = std::make_shared<const std::optional<Identity>>();
  self_ = std::move(self);
  std::map<std::string_view, std::shared_ptr<Service>> services;
  for (const Method& method : MethodTable::Get().methods()) {
    auto& service = services[method.service];
    if (!service) service = std::make_shared<Service>();
    auto slot = std::make_shared<Slot>(method, service);
    entries_.push_back(
        {slot, std::make_shared<HereUnary>(slot), std::make_shared<HereStream>(slot)});
  }
}

RouterImpl::~RouterImpl() = default;

template <class Handler>
Result<std::unique_ptr<Registration>> RouterImpl::RegisterIn(
    std::string_view name, std::shared_ptr<Handler> handler,
    std::shared_ptr<Handler> Slot::*where) {
  constexpr bool kUnary = std::is_same_v<Handler, UnaryHandler>;
  const Method* method = MethodTable::Get().Find(name);
  if (method == nullptr || handler == nullptr || method->unary() != kUnary) {
    const char* why = method == nullptr    ? ": no .proto file describes this method"
                      : handler == nullptr ? ": there is no handler"
                      : kUnary             ? ": its calls are streams, the handler's are not"
                                           : ": its calls are no streams, the handler's are";
    return Status(Code::kInvalidArgument, "cannot register " + std::string(name) + why);
  }
  auto slot = entries_[method->index].slot;
  {
    std::lock_guard lock(slot->mutex);
    if (slot.get()->*where) {
      return Status(Code::kFailedPrecondition,
                    "cannot register " + method->name + ": it has a handler already");
    }
    slot.get()->*where = std::move(handler);
  }
  slot->service->declared.store(true, std::memory_order_relaxed);
  auto undo = [slot, where] {
    std::shared_ptr<Handler> last;  // destroyed after the lock
    std::lock_guard lock(slot->mutex);
    last.swap(slot.get()->*where);
  };
  return std::unique_ptr<Registration>(std::make_unique<RegistrationImpl>(std::move(undo)));
}

Result<std::unique_ptr<Registration>> RouterImpl::Register(
    std::string_view method, std::shared_ptr<UnaryHandler> handler) noexcept {
  return RegisterIn(method, std::move(handler), &Slot::unary);
}

Result<std::unique_ptr<Registration>> RouterImpl::Register(
    std::string_view method, std::shared_ptr<StreamHandler> handler) noexcept {
  return RegisterIn(method, std::move(handler), &Slot::stream);
}

std::shared_ptr<const RouterImpl::Self> RouterImpl::self() const {
  std::lock_guard lock(mutex_);
  return self_;
}

std::shared_ptr<RouterImpl::ProxyUse> RouterImpl::proxy() const {
  std::lock_guard lock(mutex_);
  return proxy_;
}

void RouterImpl::SetSelf(Identity self) noexcept {
  auto next = std::make_shared<Self>();
  next->policy.organization = self.organization;
  next->identity = std::make_shared<const std::optional<Identity>>(std::move(self));
  std::lock_guard lock(mutex_);
  next->policy.removed = self_->policy.removed;
  self_ = std::move(next);
}

void RouterImpl::SetBlacklist(Blacklist removed) noexcept {
  std::lock_guard lock(mutex_);
  auto next = std::make_shared<Self>(*self_);
  next->policy.removed = std::move(removed);
  self_ = std::move(next);
}

void RouterImpl::OnRefusal(std::function<void(const CallContext&, const Status&)> told) noexcept {
  refused_ = std::move(told);
}

void RouterImpl::Declare(std::string_view service) noexcept {
  for (const auto& entry : entries_) {
    if (entry.slot->method.service != service) continue;
    entry.slot->service->declared.store(true, std::memory_order_relaxed);
  }
}

void RouterImpl::SetProxy(Proxy* proxy) noexcept {
  auto next = proxy == nullptr ? nullptr : std::make_shared<ProxyUse>(*proxy);
  {
    std::lock_guard lock(mutex_);
    next.swap(proxy_);
  }
  if (!next) return;
  const auto unused = next->WhenUnused();
  next.reset();
  unused.wait();
}

Result<const RouterImpl::Entry*> RouterImpl::Find(const CallContext& context) const {
  const MethodTable& table = MethodTable::Get();
  const Method* method = table.Find(context.method());
  if (method == nullptr) return table.Unknown(context.method());
  const Entry& entry = entries_[method->index];
  entry.slot->calls.fetch_add(1, std::memory_order_relaxed);
  const Answer answer = method->answer(context.listener());
  const bool declared = entry.slot->service->declared.load(std::memory_order_relaxed);
  // The leader may well serve what this build does not.
  if (answer == Answer::LEADER || (answer == Answer::HERE && declared)) return &entry;
  entry.slot->refused.fetch_add(1, std::memory_order_relaxed);
  return MethodTable::UnknownService(method->service);
}

Result<CallContextPtr> RouterImpl::Admit(const Entry& entry, CallContextPtr context) const {
  const auto self = this->self();
  if (context->listener() == Listener::kLocal) {
    return CallContextPtr(
        std::make_shared<EffectiveContext>(std::move(context), self->identity, std::nullopt));
  }
  auto effective = Authorize(entry.slot->method, self->policy, context->caller(),
                             context->remote_address(), context->metadata());
  if (!effective.ok()) {
    entry.slot->refused.fetch_add(1, std::memory_order_relaxed);
    if (refused_) refused_(*context, effective.status());
    return effective.status();
  }
  if (!effective->changed) return context;
  auto caller = std::make_shared<const std::optional<Identity>>(std::move(effective->caller));
  return CallContextPtr(std::make_shared<EffectiveContext>(std::move(context), std::move(caller),
                                                           std::move(effective->remote_address)));
}

void RouterImpl::Unary(CallContextPtr context, Payload request, UnaryReply reply) noexcept {
  const auto entry = Find(*context);
  if (!entry.ok()) return reply(entry.status());
  const auto& here = (*entry)->here_unary;
  const Method& method = (*entry)->slot->method;
  auto admitted = Admit(**entry, std::move(context));
  if (!admitted.ok()) return reply(admitted.status());
  if (method.answer((*admitted)->listener()) == Answer::LEADER) {
    if (const auto use = proxy()) {
      return use->proxy().Unary(std::move(*admitted), std::move(request), std::move(reply), here);
    }
  }
  here->Handle(std::move(*admitted), std::move(request), std::move(reply));
}

void RouterImpl::Stream(ServerStreamPtr stream) noexcept {
  const auto entry = Find(*stream->context());
  if (!entry.ok()) return stream->Finish(entry.status());
  const auto& here = (*entry)->here_stream;
  const Method& method = (*entry)->slot->method;
  auto admitted = Admit(**entry, stream->context());
  if (!admitted.ok()) return stream->Finish(admitted.status());
  const Listener listener = (*admitted)->listener();
  if (*admitted != stream->context()) {
    stream = std::make_shared<EffectiveStream>(std::move(stream), std::move(*admitted));
  }
  if (method.answer(listener) == Answer::LEADER) {
    if (const auto use = proxy()) return use->proxy().Stream(std::move(stream), here);
  }
  here->Open(std::move(stream));
}

std::vector<MethodCounts> RouterImpl::Counts() const {
  std::vector<MethodCounts> counts;
  for (const auto& entry : entries_) {
    const auto calls = entry.slot->calls.load(std::memory_order_relaxed);
    if (calls == 0) continue;
    counts.push_back(
        {entry.slot->method.name, calls, entry.slot->refused.load(std::memory_order_relaxed)});
  }
  return counts;
}

}  // namespace swarm::rpc
