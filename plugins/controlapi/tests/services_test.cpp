#include <gtest/gtest.h>

#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

class ServicesTest : public ApiTest {
 protected:
  Result<pb::Service> Create(const pb::ServiceSpec& spec) {
    pb::CreateServiceRequest request;
    *request.mutable_spec() = spec;
    auto response = Call<pb::CreateServiceResponse>("CreateService", request);
    if (!response.ok()) return response.status();
    return response->service();
  }
  Result<pb::Service> Update(const pb::Service& service, const pb::ServiceSpec& spec,
                             bool back = false) {
    pb::UpdateServiceRequest request;
    request.set_service_id(service.id());
    *request.mutable_service_version() = service.meta().version();
    *request.mutable_spec() = spec;
    if (back) request.set_rollback(pb::UpdateServiceRequest::PREVIOUS);
    auto response = Call<pb::UpdateServiceResponse>("UpdateService", request);
    if (!response.ok()) return response.status();
    return response->service();
  }
  std::vector<std::string> Names(const pb::ListServicesRequest& request) {
    const auto found = Call<pb::ListServicesResponse>("ListServices", request);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> names;
    for (const auto& s : found->services()) names.push_back(s.spec().annotations().name());
    std::sort(names.begin(), names.end());
    return names;
  }
  void AddIngress() {
    pb::Network network;
    network.set_id("ingress-id");
    network.mutable_spec()->mutable_annotations()->set_name("ingress");
    network.mutable_spec()->set_ingress(true);
    Put(network);
  }
};

pb::ServiceSpec Publishing(const std::string& name, std::uint32_t port,
                           pb::PortConfig::PublishMode mode = pb::PortConfig::INGRESS,
                           pb::PortConfig::Protocol protocol = pb::PortConfig::TCP) {
  pb::ServiceSpec spec = ASpec(name);
  auto* p = spec.mutable_endpoint()->add_ports();
  p->set_target_port(80);
  p->set_published_port(port);
  p->set_publish_mode(mode);
  p->set_protocol(protocol);
  return spec;
}

TEST_F(ServicesTest, CreatesWithMetaAndSpecVersion) {
  const auto created = Create(ASpec("web"));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->id().size(), 25U);
  EXPECT_TRUE(created->meta().has_created_at());
  EXPECT_TRUE(created->has_spec_version());
  const auto stored = Stored<pb::Service>(created->id());
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->SerializeAsString(), created->SerializeAsString());
}

TEST_F(ServicesTest, RefusesARequestWithoutSpec) {
  const auto status = Call<pb::CreateServiceResponse>("CreateService", pb::CreateServiceRequest());
  EXPECT_EQ(status.status(), Status(Code::kInvalidArgument, "invalid argument"));
}

// Pinned by SwarmKit: a taken name.
TEST_F(ServicesTest, RefusesATakenNameWhateverItsCase) {
  ASSERT_TRUE(Create(ASpec("web")).ok());
  EXPECT_EQ(Create(ASpec("WEB")).status(),
            Status(Code::kAlreadyExists,
                   "name conflicts with an existing object: service WEB already exists"));
}

TEST_F(ServicesTest, AnswersWhoeverAsksForNothingOrForNobody) {
  pb::GetServiceRequest get;
  EXPECT_EQ(Call<pb::GetServiceResponse>("GetService", get).status().message(), "invalid argument");
  get.set_service_id("nope");
  EXPECT_EQ(Call<pb::GetServiceResponse>("GetService", get).status(),
            Status(Code::kNotFound, "service nope not found"));
  pb::RemoveServiceRequest remove;
  EXPECT_EQ(Call<pb::RemoveServiceResponse>("RemoveService", remove).status().code(),
            Code::kInvalidArgument);
  remove.set_service_id("nope");
  EXPECT_EQ(Call<pb::RemoveServiceResponse>("RemoveService", remove).status(),
            Status(Code::kNotFound, "service nope not found"));
}

TEST_F(ServicesTest, RemovesOnce) {
  const auto created = Create(ASpec("web"));
  pb::RemoveServiceRequest remove;
  remove.set_service_id(created->id());
  EXPECT_TRUE(Call<pb::RemoveServiceResponse>("RemoveService", remove).ok());
  EXPECT_EQ(Call<pb::RemoveServiceResponse>("RemoveService", remove).status().code(),
            Code::kNotFound);
}

TEST_F(ServicesTest, InsertsDefaultsOnlyIntoTheAnswer) {
  const auto created = Create(ASpec("web"));
  pb::GetServiceRequest get;
  get.set_service_id(created->id());
  get.set_insert_defaults(true);
  const auto shown = Call<pb::GetServiceResponse>("GetService", get);
  ASSERT_TRUE(shown.ok());
  const auto& spec = shown->service().spec();
  EXPECT_EQ(spec.task().container().stop_grace_period().seconds(), 10);
  EXPECT_EQ(spec.task().restart().condition(), pb::RestartPolicy::ANY);
  EXPECT_EQ(spec.task().restart().delay().seconds(), 5);
  EXPECT_EQ(spec.update().parallelism(), 1U);
  EXPECT_EQ(spec.update().monitor().seconds(), 5);
  EXPECT_TRUE(spec.task().has_placement());
  EXPECT_FALSE(Stored<pb::Service>(created->id())->spec().has_update());
}

TEST_F(ServicesTest, KeepsThePreviousSpecAndGoesBackToIt) {
  const auto first = Create(ASpec("web", 1));
  const auto second = Update(*first, ASpec("web", 2));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->previous_spec().replicated().replicas(), 1U);
  EXPECT_EQ(second->spec_version().index(), first->meta().version().index());
  const auto back = Update(*second, ASpec("web", 2), true);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->spec().replicated().replicas(), 1U);
  EXPECT_EQ(back->previous_spec().replicated().replicas(), 2U);
  EXPECT_EQ(back->update_status().state(), pb::UpdateStatus::ROLLBACK_STARTED);
  EXPECT_EQ(back->update_status().message(), "manually requested rollback");
  const auto again = Update(*back, ASpec("web", 2), true);
  EXPECT_EQ(again->spec().replicated().replicas(), 2U);
}

TEST_F(ServicesTest, CannotGoBackWithoutAPreviousSpec) {
  const auto created = Create(ASpec("web"));
  EXPECT_EQ(Update(*created, ASpec("web"), true).status(),
            Status(Code::kFailedPrecondition,
                   "service " + created->id() + " does not have a previous spec"));
}

// Pinned by SwarmKit: an update with a version that is over.
TEST_F(ServicesTest, RefusesAnOldVersion) {
  const auto created = Create(ASpec("web"));
  ASSERT_TRUE(Update(*created, ASpec("web", 2)).ok());
  EXPECT_EQ(Update(*created, ASpec("web", 2)).status(),
            Status(Code::kUnknown, "update out of sequence"));
}

// Pinned by SwarmKit: neither the mode nor the name changes.
TEST_F(ServicesTest, RefusesForbiddenChangesEvenWithAnOldVersion) {
  auto created = Create(ASpec("web"));
  created->mutable_meta()->mutable_version()->set_index(1'000'000);
  EXPECT_EQ(Update(*created, ASpec("Web")).status(),
            Status(Code::kUnimplemented, "renaming services is not supported"));
  pb::ServiceSpec global = ASpec("web");
  global.mutable_global();
  EXPECT_EQ(Update(*created, global).status(),
            Status(Code::kUnimplemented, "service mode change is not allowed"));
}

// Pinned by SwarmKit: iterations of jobs.
TEST_F(ServicesTest, CountsTheIterationsOfJobs) {
  pb::ServiceSpec spec = ASpec("job");
  spec.mutable_replicated_job()->set_max_concurrent(1);
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(machine_.runtime().clock().Now())
          .time_since_epoch()
          .count();
  const auto created = Create(spec);
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(created->job_status().job_iteration().index(), 0U);
  EXPECT_EQ(created->job_status().last_execution().seconds(), now);
  const auto updated = Update(*created, spec);
  EXPECT_EQ(updated->job_status().job_iteration().index(), 1U);
}

TEST_F(ServicesTest, RefusesIngressPortsWithoutTheNetwork) {
  EXPECT_EQ(Create(Publishing("web", 80)).status(),
            Status(Code::kFailedPrecondition,
                   "service needs ingress network, but no ingress network is present"));
  AddIngress();
  EXPECT_TRUE(Create(Publishing("web", 80)).ok());
}

// Pinned by SwarmKit: ports of other services.
TEST_F(ServicesTest, RefusesPortsThatOthersUse) {
  using P = pb::PortConfig;
  AddIngress();
  const auto web = Create(Publishing("web", 80));
  ASSERT_TRUE(web.ok()) << web.status();
  EXPECT_EQ(Create(Publishing("b", 80)).status(),
            Status(Code::kInvalidArgument, "port '80' is already in use by service 'web' (" +
                                               web->id() + ") as an ingress port"));
  EXPECT_EQ(Create(Publishing("b", 80, P::HOST)).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(Create(Publishing("udp", 80, P::INGRESS, P::UDP)).ok());
  const auto host = Create(Publishing("host", 81, P::HOST));
  ASSERT_TRUE(host.ok());
  EXPECT_EQ(Create(Publishing("c", 81)).status().message(),
            "port '81' is already in use by service 'host' (" + host->id() +
                ") as a host-published port");
  EXPECT_TRUE(Create(Publishing("host2", 81, P::HOST)).ok());
  EXPECT_TRUE(Create(Publishing("any", 0)).ok());
  EXPECT_TRUE(Create(Publishing("any2", 0)).ok());
  const auto same = Update(*web, Publishing("web", 80));
  ASSERT_TRUE(same.ok()) << "its own port is no conflict";
  EXPECT_EQ(Update(*same, Publishing("web", 81)).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(Update(*same, Publishing("web", 82)).ok());
}

// Pinned by SwarmKit: the ingress network is for published ports only.
TEST_F(ServicesTest, RefusesToAttachToIngress) {
  AddIngress();
  pb::ServiceSpec spec = ASpec("web");
  spec.mutable_task()->add_networks()->set_target("ingress-id");
  EXPECT_EQ(Create(spec).status(),
            Status(Code::kInvalidArgument,
                   "Service cannot be explicitly attached to the ingress network \"ingress\""));
  spec.mutable_task()->mutable_networks(0)->set_target("unknown");
  const auto created = Create(spec);
  ASSERT_TRUE(created.ok());
  spec.mutable_task()->mutable_networks(0)->set_target("ingress-id");
  EXPECT_EQ(Update(*created, spec).status().code(), Code::kInvalidArgument);
}

// The field is deprecated, and this is what is left of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
// Pinned by SwarmKit: networks in the service's old field may only be moved to the task's.
TEST_F(ServicesTest, NetworksMoveToTheTasksBeforeTheyChange) {
  pb::ServiceSpec spec = ASpec("web");
  spec.add_networks()->set_target("one");
  const auto created = Create(spec);
  ASSERT_TRUE(created.ok());
  pb::ServiceSpec changed = spec;
  changed.mutable_networks(0)->set_target("two");
  EXPECT_EQ(
      Update(*created, changed).status(),
      Status(Code::kUnimplemented, "networks must be migrated to TaskSpec before being changed"));
  pb::ServiceSpec migrated = ASpec("web");
  migrated.mutable_task()->add_networks()->set_target("one");
  const auto moved = Update(*created, migrated);
  ASSERT_TRUE(moved.ok()) << moved.status();
  migrated.mutable_task()->mutable_networks(0)->set_target("two");
  EXPECT_TRUE(Update(*moved, migrated).ok());
}
#pragma GCC diagnostic pop

// Pinned by SwarmKit: references to secrets that are not there.
TEST_F(ServicesTest, NamesAllMissingSecrets) {
  pb::Secret secret;
  secret.set_id("s1");
  secret.mutable_spec()->mutable_annotations()->set_name("one");
  Put(secret);
  pb::ServiceSpec spec = ASpec("web");
  const auto add = [&spec](const char* id, const char* name) {
    auto* r = spec.mutable_task()->mutable_container()->add_secrets();
    r->set_secret_id(id);
    r->set_secret_name(name);
    r->mutable_file()->set_name(name);
  };
  add("s1", "one");
  EXPECT_TRUE(Create(spec).ok());
  spec.mutable_annotations()->set_name("web2");
  add("s2", "two");
  EXPECT_EQ(Create(spec).status().message(), "secret not found: two");
  add("s1", "other");
  EXPECT_EQ(Create(spec).status(), Status(Code::kInvalidArgument, "secrets not found: two, other"));
}

// Pinned by SwarmKit: which services are listed.
TEST_F(ServicesTest, FiltersAllCriteriaTogether) {
  pb::ServiceSpec labelled = ASpec("web");
  (*labelled.mutable_annotations()->mutable_labels())["a"] = "1";
  ASSERT_TRUE(Create(labelled).ok());
  ASSERT_TRUE(Create(ASpec("worker")).ok());
  using Strings = std::vector<std::string>;
  pb::ListServicesRequest all;
  EXPECT_EQ(Names(all), (Strings{"web", "worker"}));
  pb::ListServicesRequest request;
  request.mutable_filters()->add_name_prefixes("we");
  EXPECT_EQ(Names(request), Strings{"web"});
  request.mutable_filters()->add_id_prefixes("nothing");
  EXPECT_EQ(Names(request), Strings{});
  pb::ListServicesRequest label;
  (*label.mutable_filters()->mutable_labels())["a"] = "";
  EXPECT_EQ(Names(label), Strings{"web"});
  (*label.mutable_filters()->mutable_labels())["b"] = "";
  EXPECT_EQ(Names(label), Strings{}) << "both labels are needed";
  label.mutable_filters()->mutable_labels()->erase("b");
  (*label.mutable_filters()->mutable_labels())["a"] = "2";
  EXPECT_EQ(Names(label), Strings{});
  pb::ListServicesRequest upper;
  upper.mutable_filters()->add_names("WEB");
  EXPECT_EQ(Names(upper), Strings{}) << "found by the index, but names compare with case";
  pb::ListServicesRequest runtime;
  runtime.mutable_filters()->add_runtimes("container");
  EXPECT_EQ(Names(runtime), (Strings{"web", "worker"}));
  pb::ServiceSpec custom = ASpec("custom");
  custom.mutable_task()->mutable_generic()->set_kind("custom-kind");
  custom.mutable_task()->mutable_generic()->mutable_payload()->set_type_url("x");
  custom.mutable_task()->mutable_generic()->mutable_payload()->set_value("x");
  ASSERT_TRUE(Create(custom).ok());
  EXPECT_EQ(Names(runtime), (Strings{"web", "worker"}));
  runtime.mutable_filters()->set_runtimes(0, "custom-kind");
  EXPECT_EQ(Names(runtime), Strings{"custom"});
  runtime.mutable_filters()->set_runtimes(0, "other");
  EXPECT_EQ(Names(runtime), Strings{});
}

TEST_F(ServicesTest, RefusesToWriteWithoutLeading) {
  store_.consensus().Follow();
  sim_.Settle();
  EXPECT_EQ(Create(ASpec("web")).status(),
            Status(Code::kUnknown, "raft: failed to process the request: node lost leader status"));
}

}  // namespace
}  // namespace swarm::controlapi
