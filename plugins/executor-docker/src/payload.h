// The secrets and configs that a container sees as files.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "create_body.h"
#include "swarm/executor.h"

namespace swarm::executor_docker {

struct PayloadFile {
  std::string target;  // absolute
  std::string data;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0;
  bool secret = false;
};

// The files of a task, with their content. Errors name the secret or config. References without a
// file are left out.
Result<std::vector<PayloadFile>> PayloadsOf(const pb::Task& task, const Dependencies* dependencies);

// As a tar archive to be unpacked at "/". InvalidArgument when a path is too long for one.
Result<std::string> TarOf(const std::vector<PayloadFile>& files);

// Keeps files where the engine can mount them into containers: in memory, never on a disk.
// Threading: [loop].
class PayloadStore {
 public:
  virtual ~PayloadStore() = default;
  // The files of a task, replacing those it had.
  virtual Result<std::vector<BoundFile>> Put(const pb::Task& task,
                                             const std::vector<PayloadFile>& files) noexcept = 0;
  virtual void Remove(const pb::Task& task) noexcept = 0;
  // Removes what belongs to none of these tasks.
  virtual void Retain(const std::string& node_id, const std::set<std::string>& tasks) noexcept = 0;
};

// In `folder` of this machine, which the engine must see under the same path. Where that is not
// in memory, a file system that is gets mounted there; FailedPrecondition when that cannot be.
std::unique_ptr<PayloadStore> MakePayloadStore(std::string folder);

}  // namespace swarm::executor_docker
