#include "server.h"

#include <utility>

#include "cfssl/spec.h"
#include "founding.h"
#include "swarm/ca.h"
#include "swarm/rpc_typed.h"

namespace swarm::ca {

namespace {

// Handlers run on any thread: they carry each call to the loop. A call that arrives during Stop is
// dropped with it, which answers the caller.
template <class Request>
std::shared_ptr<UnaryHandler> Carry(const std::shared_ptr<Loop>& loop,
                                    const std::shared_ptr<Authority>& authority,
                                    void (Authority::*method)(const CallContextPtr&, const Request&,
                                                              UnaryReply)) {
  return MakeUnaryHandler<Request>(
      [loop = std::weak_ptr(loop), weak = std::weak_ptr(authority), method](
          CallContextPtr context, std::shared_ptr<const Request> request, UnaryReply reply) {
        const auto held = loop.lock();
        if (!held)
          return reply(Status(Code::kUnavailable, "the certificate authority has stopped"));
        held->Post([weak, method, context = std::move(context), request = std::move(request),
                    reply = std::move(reply)]() mutable {
          if (auto self = weak.lock()) (*self.*method)(context, *request, std::move(reply));
        });
      });
}

}  // namespace

Result<std::unique_ptr<Instance>> Server::Create(InstanceContext& context) {
  SWARM_ASSIGN_OR_RETURN([[maybe_unused]] Store * store, context.Require<Store>(kStoreRole));
  return std::unique_ptr<Instance>(std::make_unique<Server>(context));
}

Server::Server(InstanceContext& context, std::unique_ptr<cfssl::Transport> transport)
    : context_(context),
      transport_(transport ? std::move(transport) : cfssl::MakeHttps(context.runtime().clock())) {}

Server::~Server() {
  if (loop_) loop_->Stop();
}

std::shared_ptr<ExternalSigning> Server::MakeExternal() {
  auto* identities = static_cast<IdentityProvider*>(context_.Find(kIdentityRole));
  auto presented = [identities, folder = context_.node().state_dir] {
    return identities != nullptr ? identities->Current(folder) : nullptr;
  };
  return std::make_shared<ExternalSigning>(
      ExternalSigning::Parts{loop_, context_.runtime(),
                             std::make_unique<cfssl::Client>(
                                 context_.runtime(), std::move(transport_), std::move(presented))});
}

Result<std::vector<pb::ExternalCA>> Server::ConfiguredAuthorities() const {
  std::vector<pb::ExternalCA> out;
  for (const std::string& text : context_.node().external_cas) {
    auto parsed = cfssl::ParseExternalCa(text);
    if (!parsed.ok()) return parsed.status().WithContext("node.external_cas \"" + text + "\"");
    out.push_back(std::move(*parsed));
  }
  return out;
}

void Server::Start(Function<void(Status)> done) noexcept {
  auto external = ConfiguredAuthorities();
  if (!external.ok()) return done(external.status());
  auto store = context_.Require<Store>(kStoreRole);
  if (!store.ok()) return done(store.status());
  auto writer = (*store)->CurrentWriter();
  if (!writer.ok()) return done(writer.status());
  loop_ = context_.runtime().NewLoop("ca", LoopKind::kShared);
  const Logger logger = context_.logger().ForModule("ca");
  const WriterPtr held = *writer;
  authority_ = std::make_shared<Authority>(Authority::Parts{loop_, context_.runtime(), **store,
                                                            std::move(*writer), context_.node(),
                                                            logger, MakeExternal()});
  const NodeInfo& node = context_.node();
  if (node.root_key_pem.empty() && external->empty() && !FindCluster(*(*store)->Read())) {
    logger.Warn(
        "the cluster is set up without its root key, which was lost before it could be saved: no "
        "node can join; to begin anew remove the state directory",
        {{"path", node.state_dir}});
  }
  held->Update(
      FoundingTransaction(node, *context_.runtime().NewRandom(), *external),
      [this, weak = std::weak_ptr(authority_), loop = std::weak_ptr(loop_),
       done = std::move(done)](Result<Index> founded) mutable {
        const auto held = loop.lock();
        if (!held) return;
        held->Post([this, weak, status = founded.status(), done = std::move(done)]() mutable {
          if (!status.ok()) return done(status.WithContext("cannot set up the cluster"));
          if (weak.lock()) Serve(std::move(done));
        });
      });
}

void Server::Serve(Function<void(Status)> done) {
  if (stopped_) return done({Code::kCancelled, "the certificate authority was stopped"});
  authority_->Start();
  done(RegisterMethods());
}

Status Server::RegisterMethods() {
  Status status;
  const auto add = [&](std::string_view method, std::shared_ptr<UnaryHandler> handler) {
    auto made = context_.router().Register("/docker.swarmkit.v1." + std::string(method),
                                           std::move(handler));
    if (made.ok()) {
      registrations_.push_back(std::move(*made));
    } else if (status.ok()) {
      status = made.status();
    }
  };
  add("CA/GetRootCACertificate", Carry(loop_, authority_, &Authority::GetRootCertificate));
  add("CA/GetUnlockKey", Carry(loop_, authority_, &Authority::GetUnlockKey));
  add("NodeCA/IssueNodeCertificate", Carry(loop_, authority_, &Authority::Issue));
  add("NodeCA/NodeCertificateStatus", Carry(loop_, authority_, &Authority::GetStatus));
  return status;
}

void Server::Stop(Function<void()> done) noexcept {
  if (!loop_) return done();
  loop_->Post([this, done = std::move(done)]() mutable {
    stopped_ = true;
    registrations_.clear();
    authority_->Stop();
    done();
  });
}

}  // namespace swarm::ca
