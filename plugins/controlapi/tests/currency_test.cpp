// Nobody is told what a later leader may have changed already.
#include <gtest/gtest.h>

#include "api_fixture.h"
#include "swarm/store_errors.h"
#include "swarmkit/v1/health.pb.h"

namespace swarm::controlapi {
namespace {

class CurrencyTest : public ApiTest {
 protected:
  Status Create(const std::string& name) {
    pb::CreateServiceRequest request;
    *request.mutable_spec() = ASpec(name);
    return Call<pb::CreateServiceResponse>("CreateService", request).status();
  }
  Status List() {
    return Call<pb::ListServicesResponse>("ListServices", pb::ListServicesRequest()).status();
  }
  // Another manager may lead.
  void BeUnsure() {
    members_.confirms = {Code::kUnavailable, std::string(store_errors::kLostLeader)};
  }
};

TEST_F(CurrencyTest, ReadsAskAndWritesDoNot) {
  EXPECT_EQ(Create("web"), Status::Ok());
  EXPECT_EQ(members_.asked, 0) << "what is agreed on needs no other word";
  EXPECT_EQ(List(), Status::Ok());
  EXPECT_EQ(members_.asked, 1);
}

TEST_F(CurrencyTest, AnUnsureManagerTellsNobodyWhatItHas) {
  EXPECT_EQ(Create("web"), Status::Ok());
  BeUnsure();
  EXPECT_EQ(List(), members_.confirms);
  pb::GetServiceRequest request;
  request.set_service_id("nobody-has-it");
  EXPECT_EQ(Call<pb::GetServiceResponse>("GetService", request).status(), members_.confirms)
      << "nor that there is none";
}

TEST_F(CurrencyTest, ARefusalIsNewsToo) {
  EXPECT_EQ(Create("web"), Status::Ok());
  EXPECT_EQ(Create("web").code(), Code::kAlreadyExists);
  EXPECT_EQ(members_.asked, 1);
  BeUnsure();
  EXPECT_EQ(Create("web"), members_.confirms);
}

TEST_F(CurrencyTest, HealthIsAboutThisManagerAlone) {
  BeUnsure();
  EXPECT_EQ(
      Call<pb::HealthCheckResponse>("/docker.swarmkit.v1.Health/Check", pb::HealthCheckRequest())
          .status(),
      Status::Ok());
}

}  // namespace
}  // namespace swarm::controlapi
