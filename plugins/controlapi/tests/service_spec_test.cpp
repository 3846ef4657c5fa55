#include "service_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "image_reference.h"
#include "names.h"

namespace swarm::controlapi {
namespace {

using Spec = pb::ServiceSpec;

Spec Good() {
  Spec spec;
  spec.mutable_annotations()->set_name("name");
  spec.mutable_task()->mutable_container()->set_image("image");
  spec.mutable_replicated()->set_replicas(1);
  return spec;
}

struct Case {
  const char* text;  // empty: accepted
  std::function<void(Spec&)> change;
  Code code = Code::kInvalidArgument;
};

void Check(const std::vector<Case>& cases) {
  int number = 0;
  for (const Case& c : cases) {
    Spec spec = Good();
    c.change(spec);
    const Status status = CheckServiceSpec(spec);
    EXPECT_EQ(status.message(), c.text) << "case " << number;
    EXPECT_EQ(status.code(), *c.text ? c.code : Code::kOk) << "case " << number;
    ++number;
  }
}

pb::ContainerSpec* Container(Spec& s) { return s.mutable_task()->mutable_container(); }
constexpr auto kMinusFour = static_cast<std::uint64_t>(-4);

// Pinned by SwarmKit: good and bad names.
TEST(ServiceSpecTest, AcceptsAndRefusesNames) {
  for (const char* good : {"name", "n-me", "n_me", "n-m-e", "n--d"}) {
    EXPECT_TRUE(CheckName(good).ok()) << good;
  }
  for (const char* bad : {"", "_nam", ".nam", "-nam", "nam-", "n/me", "n&me", "////"}) {
    EXPECT_EQ(CheckName(bad).code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(CheckName(std::string(63, 'a')).ok());
  EXPECT_EQ(CheckName(std::string(64, 'a')).message(), "name must be 63 characters or fewer");
}

// Pinned by SwarmKit: good and bad names of secrets and configs.
TEST(ServiceSpecTest, AcceptsAndRefusesNamesOfSecrets) {
  for (const std::string good : {"0", "a", "A", "name-with--dashes", "name.with..dots",
                                 "name_with__underscores", "name.with-all_special"}) {
    EXPECT_TRUE(CheckSecretName(good).ok()) << good;
  }
  EXPECT_TRUE(CheckSecretName(std::string(64, 'a')).ok());
  for (const std::string bad : {"", ".", "-", "_", ".a", "a.", "a/b", "..", "a!", "a b", "a\n",
                                "a@", "a:", "a;", "\xc3\xa9"}) {
    EXPECT_EQ(CheckSecretName(bad).code(), Code::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(CheckSecretName(std::string(65, 'a')).ok());
}

// Pinned by SwarmKit: negative numbers, and no mode.
TEST(ServiceSpecTest, ChecksTheMode) {
  Check({
      {"", [](Spec&) {}},
      {"Unrecognized service mode", [](Spec& s) { s.clear_mode(); }},
      {"Number of replicas must be non-negative",
       [](Spec& s) { s.mutable_replicated()->set_replicas(kMinusFour); }},
      {"Maximum concurrent jobs must not be negative",
       [](Spec& s) { s.mutable_replicated_job()->set_max_concurrent(kMinusFour); }},
      {"Total completed jobs must not be negative",
       [](Spec& s) { s.mutable_replicated_job()->set_total_completions(kMinusFour); }},
      {"", [](Spec& s) { s.mutable_global(); }},
      {"", [](Spec& s) { s.mutable_global_job(); }},
  });
}

// Pinned by SwarmKit: runtimes.
TEST(ServiceSpecTest, ChecksTheRuntime) {
  Check({
      {"TaskSpec: missing runtime", [](Spec& s) { s.mutable_task()->clear_runtime(); }},
      {"RuntimeSpec: unimplemented runtime in service spec",
       [](Spec& s) { s.mutable_task()->mutable_attachment(); }, Code::kUnimplemented},
      {"ContainerSpec: image reference must be provided",
       [](Spec& s) { Container(s)->clear_image(); }},
      {"ContainerSpec: \"busybox###\" is not a valid repository/tag",
       [](Spec& s) { Container(s)->set_image("busybox###"); }},
      {"Generic runtime: Invalid name \"c\"",
       [](Spec& s) { s.mutable_task()->mutable_generic()->set_kind("c"); }},
      {"Generic runtime: Invalid name \"\"", [](Spec& s) { s.mutable_task()->mutable_generic(); }},
      {"Generic runtime: \"Container\" is a reserved name",
       [](Spec& s) { s.mutable_task()->mutable_generic()->set_kind("Container"); }},
      {"Generic runtime is missing payload",
       [](Spec& s) { s.mutable_task()->mutable_generic()->set_kind("custom"); }},
  });
}

// Pinned by SwarmKit: placeholders.
TEST(ServiceSpecTest, TriesPlaceholders) {
  Check({
      {"", [](Spec& s) { Container(s)->set_hostname("{{.Service.Name}}-{{.Task.Slot}}"); }},
      {"", [](Spec& s) { *Container(s)->add_env() = "A={{index .Service.Labels \"x\"}}"; }},
  });
  Spec bad = Good();
  Container(bad)->set_hostname("{{.Nothing}}");
  const Status status = CheckServiceSpec(bad);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(status.message().starts_with("expanding hostname failed: ")) << status;
}

TEST(ServiceSpecTest, FindsMountPointsThatAreEqualOnlyWhenExpanded) {
  Check({{"ContainerSpec: duplicate mount point: /servicename",
          [](Spec& s) {
            Container(s)->add_mounts()->set_target("/{{.Service.Name}}");
            Container(s)->add_mounts()->set_target("/servicename");
          }},
         {"ContainerSpec: duplicate mount point: /a", [](Spec& s) {
            Container(s)->add_mounts()->set_target("/a");
            Container(s)->add_mounts()->set_target("/a");
          }}});
}

// Pinned by SwarmKit: too little of a resource.
TEST(ServiceSpecTest, ChecksResources) {
  const auto limits = [](Spec& s) {
    return s.mutable_task()->mutable_resources()->mutable_limits();
  };
  const auto reservations = [](Spec& s) {
    return s.mutable_task()->mutable_resources()->mutable_reservations();
  };
  Check({
      {"invalid memory value 1: Must be at least 4MiB",
       [&](Spec& s) { limits(s)->set_memory_bytes(1); }},
      {"invalid memory value 1: Must be at least 4MiB",
       [&](Spec& s) { reservations(s)->set_memory_bytes(1); }},
      {"invalid cpu value 4.2e-08: Must be at least 0.001",
       [&](Spec& s) { limits(s)->set_nano_cpus(42); }},
      {"invalid cpu value 4.2e-08: Must be at least 0.001",
       [&](Spec& s) { reservations(s)->set_nano_cpus(42); }},
      {"invalid cpu value -1: Must be at least 0.001",
       [&](Spec& s) { reservations(s)->set_nano_cpus(-1'000'000'000); }},
      {"", [&](Spec& s) { limits(s)->set_nano_cpus(1'000'000); }},
      {"", [&](Spec& s) { limits(s)->set_memory_bytes(4 << 20); }},
  });
}

// Pinned by SwarmKit: restart and update policies; jobs have no update.
TEST(ServiceSpecTest, ChecksPolicies) {
  Check({
      {"TaskSpec: restart-delay cannot be negative",
       [](Spec& s) { s.mutable_task()->mutable_restart()->mutable_delay()->set_seconds(-1); }},
      {"TaskSpec: restart-window cannot be negative",
       [](Spec& s) { s.mutable_task()->mutable_restart()->mutable_window()->set_nanos(-1); }},
      {"TaskSpec: update-delay cannot be negative",
       [](Spec& s) { s.mutable_update()->mutable_delay()->set_seconds(-1); }},
      {"TaskSpec: update-monitor cannot be negative",
       [](Spec& s) { s.mutable_update()->mutable_monitor()->set_seconds(-1); }},
      {"TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
       [](Spec& s) { s.mutable_update()->set_max_failure_ratio(-0.1F); }},
      {"TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
       [](Spec& s) { s.mutable_update()->set_max_failure_ratio(1.1F); }},
      {"Jobs may not have an update config",
       [](Spec& s) {
         s.mutable_global_job();
         s.mutable_update();
       }},
      {"constraint expected one operator from ==, !=",
       [](Spec& s) { *s.mutable_task()->mutable_placement()->add_constraints() = "x"; },
       Code::kUnknown},
      {"ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
       [](Spec& s) { Container(s)->mutable_healthcheck()->mutable_interval()->set_nanos(5); }},
      {"ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms",
       [](Spec& s) {
         Container(s)->mutable_healthcheck()->mutable_start_interval()->set_nanos(5);
       }},
      {"ContainerSpec: Retries in HealthConfig cannot be negative",
       [](Spec& s) { Container(s)->mutable_healthcheck()->set_retries(-1); }},
  });
}

TEST(ServiceSpecTest, RefusesMalformedDurations) {
  Spec spec = Good();
  auto* delay = spec.mutable_task()->mutable_restart()->mutable_delay();
  delay->set_seconds(1);
  delay->set_nanos(-1);
  EXPECT_EQ(CheckServiceSpec(spec).code(), Code::kUnknown);
  delay->set_nanos(1'000'000'000);
  EXPECT_EQ(CheckServiceSpec(spec).code(), Code::kUnknown);
  delay->set_nanos(0);
  delay->set_seconds(10'000'000'000);
  EXPECT_EQ(CheckServiceSpec(spec).code(), Code::kUnknown) << "beyond 64 bits of nanoseconds";
}

pb::PortConfig* Port(Spec& s, std::uint32_t published, pb::PortConfig::Protocol protocol) {
  auto* port = s.mutable_endpoint()->add_ports();
  port->set_target_port(80);
  port->set_published_port(published);
  port->set_protocol(protocol);
  return port;
}

// Pinned by SwarmKit: resolution mode and ports that clash.
TEST(ServiceSpecTest, ChecksTheEndpoint) {
  constexpr const char* kDuplicate = "EndpointSpec: duplicate published ports provided";
  using P = pb::PortConfig;
  Check({
      {"EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
       [](Spec& s) {
         s.mutable_endpoint()->set_mode(pb::EndpointSpec::DNSRR);
         Port(s, 80, P::TCP);
       }},
      {"",
       [](Spec& s) {
         s.mutable_endpoint()->set_mode(pb::EndpointSpec::DNSRR);
         Port(s, 80, P::TCP)->set_publish_mode(P::HOST);
       }},
      {kDuplicate,
       [](Spec& s) {
         Port(s, 80, P::TCP);
         Port(s, 80, P::TCP)->set_publish_mode(P::HOST);
       }},
      {"",
       [](Spec& s) {
         Port(s, 80, P::TCP);
         Port(s, 80, P::UDP);
       }},
      {"",
       [](Spec& s) {
         Port(s, 0, P::TCP);
         Port(s, 0, P::TCP);
       }},
  });
}

pb::SecretReference* Secret(Spec& s, const char* id, const char* name, const char* file) {
  auto* r = Container(s)->add_secrets();
  r->set_secret_id(id);
  r->set_secret_name(name);
  if (file) r->mutable_file()->set_name(file);
  return r;
}

// Pinned by SwarmKit: references to secrets and configs, and credentials from a config.
TEST(ServiceSpecTest, ChecksReferences) {
  Check({
      {"malformed secret reference", [](Spec& s) { Secret(s, "", "n", "f"); }},
      {"malformed secret reference", [](Spec& s) { Secret(s, "i", "", "f"); }},
      {"malformed secret reference, no target provided",
       [](Spec& s) { Secret(s, "i", "n", nullptr); }},
      {"malformed file secret reference, invalid target file name provided",
       [](Spec& s) { Secret(s, "i", "n", ""); }},
      {"secret references 'a' and 'b' have a conflicting target: 'f'",
       [](Spec& s) {
         Secret(s, "i", "a", "f");
         Secret(s, "j", "b", "f");
       }},
      {"secret references 'a' and 'a' have a conflicting target: 'f'",
       [](Spec& s) {
         Secret(s, "i", "a", "f");
         Secret(s, "i", "a", "f");
       }},
      {"",
       [](Spec& s) {
         Secret(s, "i", "a", "../x");
         Secret(s, "i", "a", "subdir/f");
         Secret(s, "i", "a", "/f");
       }},
      {"malformed config reference", [](Spec& s) { Container(s)->add_configs(); }},
      {"CredentialSpec references config 'c', but that config isn't in config references with "
       "RuntimeTarget",
       [](Spec& s) {
         Container(s)->mutable_privileges()->mutable_credential_spec()->set_config("c");
       }},
      {"",
       [](Spec& s) {
         Container(s)->mutable_privileges()->mutable_credential_spec()->set_config("c");
         auto* r = Container(s)->add_configs();
         r->set_config_id("c");
         r->set_config_name("n");
         r->mutable_runtime();
       }},
  });
}

TEST(ImageReferenceTest, AcceptsImages) {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  for (const std::string good :
       {"busybox", "busybox:latest", "library/busybox", "a__b/c.d-e", "localhost/x",
        "host:5000/a/b:v1.2", "example.com/x_y", "[::1]:5000/x", "a---b"}) {
    EXPECT_TRUE(IsImageReference(good)) << good;
    EXPECT_TRUE(IsImageReference(good + digest)) << good + digest;
  }
  EXPECT_TRUE(IsImageReference("a:" + std::string(128, 't')));
}

TEST(ImageReferenceTest, RefusesWhatIsNone) {
  for (const std::string bad :
       {"", "busybox###", "Busybox", "library/Busybox", "a:", "a:-x", "a b", "a//b", "/a", "a/",
        "a___b", "a..b", "-a", "a-", "a@sha256:abc", "a@md5:00", "host:port/a", "a:b:c"}) {
    EXPECT_FALSE(IsImageReference(bad)) << bad;
  }
  EXPECT_FALSE(IsImageReference(std::string(64, 'a')));
  EXPECT_FALSE(IsImageReference("a:" + std::string(129, 't')));
  EXPECT_FALSE(IsImageReference(std::string(256, 'z')));
}

}  // namespace
}  // namespace swarm::controlapi
