// What an argument means: the full id of an object, else its exact name, else an id cut short, of
// four characters at least. NotFound "service x not found", or "service x is ambiguous (2 matches
// found)".
#pragma once

#include <string>

#include "client.h"
#include "swarm/status.h"

namespace swarm::ctl {

Result<pb::Node> FindNode(Client& client, const std::string& text);
Result<pb::Service> FindService(Client& client, const std::string& text);
Result<pb::Cluster> FindCluster(Client& client, const std::string& text);
Result<pb::Network> FindNetwork(Client& client, const std::string& text);
// Also by "service.slot", among the tasks that are meant to run.
Result<pb::Task> FindTask(Client& client, const std::string& text);

// Secrets and configs are looked up in one list, by name and id prefix, as SwarmKit does; of ids
// cut short, removal takes only those of four characters at least.
enum class Purpose : unsigned char { kShow, kRemove };
Result<pb::Secret> FindSecret(Client& client, const std::string& text, Purpose purpose);
Result<pb::Config> FindConfig(Client& client, const std::string& text, Purpose purpose);

}  // namespace swarm::ctl
