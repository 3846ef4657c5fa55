#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

using ServiceStatus = pb::ListServiceStatusesResponse::ServiceStatus;

class ServiceStatusesTest : public ApiTest {
 protected:
  void AddService(const std::string& id, const std::function<void(pb::Service&)>& edit) {
    pb::Service service;
    service.set_id(id);
    *service.mutable_spec() = ASpec(id);
    edit(service);
    Put(service);
  }
  // `iteration`: of a job's task; below 0 for tasks of other services.
  void AddTasks(const std::string& service, int count, pb::TaskState state, pb::TaskState desired,
                int iteration = -1) {
    for (int i = 0; i < count; ++i) {
      pb::Task task;
      task.set_id("task" + std::to_string(next_++));
      task.set_service_id(service);
      task.mutable_status()->set_state(state);
      task.set_desired_state(desired);
      if (iteration >= 0) {
        task.mutable_job_iteration()->set_index(static_cast<std::uint64_t>(iteration));
      }
      PutTask(task);
    }
  }
  // "running of desired", and for jobs " completed".
  std::map<std::string, std::string> Statuses(const std::vector<std::string>& ids) {
    pb::ListServiceStatusesRequest request;
    for (const std::string& id : ids) request.add_services(id);
    const auto reply = Call<pb::ListServiceStatusesResponse>("ListServiceStatuses", request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(static_cast<std::size_t>(reply->statuses_size()), ids.size());
    std::map<std::string, std::string> out;
    for (const ServiceStatus& s : reply->statuses()) {
      out[s.service_id()] = std::to_string(s.running_tasks()) + " of " +
                            std::to_string(s.desired_tasks()) + ", " +
                            std::to_string(s.completed_tasks()) + " done";
    }
    return out;
  }
  int next_ = 0;
};

// Pinned by SwarmKit: the table of services in every condition.
TEST_F(ServiceStatusesTest, CountsWhatRunsAndWhatShould) {
  const auto replicas = [](std::uint64_t count) {
    return [count](pb::Service& s) { s.mutable_spec()->mutable_replicated()->set_replicas(count); };
  };
  const auto global = [](pb::Service& s) { s.mutable_spec()->mutable_global(); };
  const auto job = [](std::uint64_t iteration) {
    return [iteration](pb::Service& s) {
      s.mutable_spec()->mutable_replicated_job()->set_max_concurrent(3);
      s.mutable_spec()->mutable_replicated_job()->set_total_completions(9);
      s.mutable_job_status()->mutable_job_iteration()->set_index(iteration);
    };
  };
  AddService("converged", replicas(3));
  AddTasks("converged", 3, pb::RUNNING, pb::RUNNING);
  AddTasks("converged", 2, pb::SHUTDOWN, pb::SHUTDOWN);

  AddService("short", replicas(3));
  AddTasks("short", 1, pb::RUNNING, pb::RUNNING);
  AddTasks("short", 2, pb::PREPARING, pb::RUNNING);

  AddService("global-full", global);
  AddTasks("global-full", 3, pb::RUNNING, pb::RUNNING);
  AddTasks("global-full", 1, pb::SHUTDOWN, pb::SHUTDOWN);

  AddService("global-short", global);
  AddTasks("global-short", 2, pb::RUNNING, pb::RUNNING);
  AddTasks("global-short", 1, pb::PENDING, pb::RUNNING);

  AddService("surplus", replicas(2));
  AddTasks("surplus", 2, pb::RUNNING, pb::RUNNING);
  AddTasks("surplus", 1, pb::RUNNING, pb::REMOVE);

  AddService("job", job(0));
  AddTasks("job", 2, pb::COMPLETE, pb::COMPLETE, 0);
  AddTasks("job", 3, pb::RUNNING, pb::COMPLETE, 0);

  AddService("job-again", job(1));
  AddTasks("job-again", 9, pb::COMPLETE, pb::COMPLETE, 0);
  AddTasks("job-again", 1, pb::COMPLETE, pb::COMPLETE, 1);
  AddTasks("job-again", 2, pb::RUNNING, pb::COMPLETE, 1);

  AddService("global-job", [](pb::Service& s) {
    s.mutable_spec()->mutable_global_job();
    s.mutable_job_status()->mutable_job_iteration()->set_index(2);
  });
  AddTasks("global-job", 3, pb::COMPLETE, pb::COMPLETE, 1);
  AddTasks("global-job", 1, pb::COMPLETE, pb::COMPLETE, 2);
  AddTasks("global-job", 2, pb::RUNNING, pb::COMPLETE, 2);

  AddTasks("deleted", 2, pb::RUNNING, pb::REMOVE);

  using Table = std::map<std::string, std::string>;
  const Table expected = {{"converged", "3 of 3, 0 done"},   {"short", "1 of 3, 0 done"},
                          {"global-full", "3 of 3, 0 done"}, {"global-short", "2 of 3, 0 done"},
                          {"surplus", "3 of 2, 0 done"},     {"job", "3 of 3, 2 done"},
                          {"job-again", "2 of 3, 1 done"},   {"global-job", "2 of 2, 1 done"},
                          {"deleted", "2 of 0, 0 done"},     {"never-there", "0 of 0, 0 done"}};
  std::vector<std::string> ids;
  for (const auto& [id, status] : expected) ids.push_back(id);
  EXPECT_EQ(Statuses(ids), expected);
}

}  // namespace
}  // namespace swarm::controlapi
