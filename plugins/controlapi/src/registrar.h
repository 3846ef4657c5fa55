// Puts the methods' implementations into the router.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend.h"
#include "gate.h"
#include "swarm/rpc.h"
#include "swarm/rpc_typed.h"

namespace swarm::controlapi {

// Threading: [main].
class Registrar {
 public:
  Registrar(Router& router, std::shared_ptr<Backend> backend, std::shared_ptr<Gate> gate)
      : router_(router), backend_(std::move(backend)), gate_(std::move(gate)) {}

  // A method about this manager itself, answered on the calling thread.
  template <class Request>
  void Here(std::string_view method, Result<Payload> (*fn)(const Backend&, const Request&)) {
    Add(method, MakeUnaryHandler<Request>(
                    [fn, backend = backend_, gate = gate_](
                        CallContextPtr, std::shared_ptr<const Request> request, UnaryReply reply) {
                      const Gate::Pass pass = Gate::Enter(gate);
                      if (!pass) return reply(Stopping());
                      reply(fn(*backend, *request));
                    }));
  }

  // A method answered from the store. Never with what a later leader has changed already.
  template <class Request>
  void Read(std::string_view method, Result<Payload> (*fn)(const Backend&, const Request&)) {
    Add(method,
        MakeUnaryHandler<Request>([fn, backend = backend_, gate = gate_](
                                      CallContextPtr, std::shared_ptr<const Request> request,
                                      UnaryReply reply) {
          Gate::Pass pass = Gate::Enter(gate);
          if (!pass) return reply(Stopping());
          backend->WhenCurrent([fn, backend, pass = std::move(pass), request = std::move(request),
                                reply = std::move(reply)](Status current) mutable {
            if (!current.ok()) return reply(std::move(current));
            reply(fn(*backend, *request));
          });
        }));
  }

  // A method that writes.
  template <class Request>
  void Write(std::string_view method, void (*fn)(Call, std::shared_ptr<const Request>)) {
    Add(method, MakeUnaryHandler<Request>(
                    [fn, backend = backend_, gate = gate_](
                        CallContextPtr, std::shared_ptr<const Request> request, UnaryReply reply) {
                      Gate::Pass pass = Gate::Enter(gate);
                      if (!pass) return reply(Stopping());
                      fn(Call{backend, std::move(pass), Checked(backend, gate, std::move(reply))},
                         std::move(request));
                    }));
  }

  // What was registered, or the first error.
  Result<std::vector<std::unique_ptr<Registration>>> Done() &&;

 private:
  static Status Stopping() {
    return {Code::kUnavailable, "the control API of this manager is stopping"};
  }
  // What was written is agreed on; why something was not may be old knowledge, so that a refusal is
  // only passed on once it is sure that nobody else leads.
  static UnaryReply Checked(const std::shared_ptr<Backend>& backend,
                            const std::shared_ptr<Gate>& gate, UnaryReply reply);
  // `method`: of Control, or a full name that begins with "/".
  void Add(std::string_view method, std::shared_ptr<UnaryHandler> handler);

  Router& router_;
  const std::shared_ptr<Backend> backend_;
  const std::shared_ptr<Gate> gate_;
  std::vector<std::unique_ptr<Registration>> registrations_;
  Status failure_;
};

// The methods by object, each in a file of its own.
void RegisterNodes(Registrar& registrar);
void RegisterTasks(Registrar& registrar);
void RegisterServices(Registrar& registrar);
void RegisterClusters(Registrar& registrar);
void RegisterNetworks(Registrar& registrar);
void RegisterSecrets(Registrar& registrar);
void RegisterConfigs(Registrar& registrar);
void RegisterExtensions(Registrar& registrar);
void RegisterResources(Registrar& registrar);
void RegisterHealth(Registrar& registrar);

}  // namespace swarm::controlapi
