// Extensions and the resources of their kinds.
#include <gtest/gtest.h>

#include "api_fixture.h"

namespace swarm::controlapi {
namespace {

class ResourcesTest : public ApiTest {
 protected:
  Result<pb::Extension> Extend(const std::string& name) {
    pb::CreateExtensionRequest request;
    request.mutable_annotations()->set_name(name);
    request.set_description("for tests");
    auto response = Call<pb::CreateExtensionResponse>("CreateExtension", request);
    if (!response.ok()) return response.status();
    return response->extension();
  }
  Status RemoveExtension(const std::string& id) {
    pb::RemoveExtensionRequest request;
    request.set_extension_id(id);
    return Call<pb::RemoveExtensionResponse>("RemoveExtension", request).status();
  }
  Result<pb::Resource> Create(const std::string& name, const std::string& kind) {
    pb::CreateResourceRequest request;
    request.mutable_annotations()->set_name(name);
    request.set_kind(kind);
    request.mutable_payload()->set_value("first");
    auto response = Call<pb::CreateResourceResponse>("CreateResource", request);
    if (!response.ok()) return response.status();
    return response->resource();
  }
  Result<pb::Resource> Update(const pb::UpdateResourceRequest& request) {
    auto response = Call<pb::UpdateResourceResponse>("UpdateResource", request);
    if (!response.ok()) return response.status();
    return response->resource();
  }
  Status Remove(const std::string& id) {
    pb::RemoveResourceRequest request;
    request.set_resource_id(id);
    return Call<pb::RemoveResourceResponse>("RemoveResource", request).status();
  }
};

// Pinned by SwarmKit: extensions.
TEST_F(ResourcesTest, ExtensionsAreMadeShownAndRemoved) {
  const auto made = Extend("Gpu");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->description(), "for tests");
  pb::GetExtensionRequest get;
  get.set_extension_id(made->id());
  EXPECT_TRUE(Call<pb::GetExtensionResponse>("GetExtension", get).ok());
  EXPECT_EQ(Extend("gpu").status(), Status(Code::kAlreadyExists, "extension gpu already exists"));
  EXPECT_EQ(Extend("node").status(), Status(Code::kAlreadyExists, "extension node already exists"));
  EXPECT_EQ(Extend("").status(), Status(Code::kInvalidArgument, "extension name must be provided"));
  EXPECT_TRUE(RemoveExtension(made->id()).ok());
  EXPECT_EQ(RemoveExtension(made->id()),
            Status(Code::kNotFound, "could not find extension " + made->id()));
  EXPECT_EQ(Call<pb::GetExtensionResponse>("GetExtension", get).status(),
            Status(Code::kNotFound, "extension " + made->id() + " not found"));
  EXPECT_EQ(RemoveExtension("").message(), "extension ID must be provided");
}

TEST_F(ResourcesTest, AnExtensionInUseStays) {
  const auto kind = Extend("gpu");
  ASSERT_TRUE(Create("a", "gpu").ok());
  EXPECT_EQ(
      RemoveExtension(kind->id()),
      Status(Code::kInvalidArgument, "extension 'gpu' is in use by the following resource: a"));
}

// Pinned by SwarmKit: resources.
TEST_F(ResourcesTest, ResourcesNeedANameAndAKind) {
  ASSERT_TRUE(Extend("gpu").ok());
  EXPECT_EQ(Create("", "gpu").status().message(), "Resource must have a name");
  EXPECT_EQ(Create("a", "").status().message(), "Resource must belong to an Extension");
  EXPECT_EQ(Create("a", "tpu").status(),
            Status(Code::kInvalidArgument, "Kind tpu is not registered"));
  ASSERT_TRUE(Create("a", "gpu").ok());
  EXPECT_EQ(Create("A", "gpu").status(),
            Status(Code::kAlreadyExists, "A resource with name A already exists"));
}

TEST_F(ResourcesTest, ResourcesChangeTheirPayloadAndAnnotations) {
  ASSERT_TRUE(Extend("gpu").ok());
  const auto made = Create("a", "gpu");
  pb::UpdateResourceRequest request;
  EXPECT_EQ(Update(request).status().message(), "must include ID and version");
  request.set_resource_id(made->id());
  *request.mutable_resource_version() = made->meta().version();
  request.mutable_payload()->set_value("second");
  const auto payload = Update(request);
  ASSERT_TRUE(payload.ok()) << payload.status();
  EXPECT_EQ(payload->payload().value(), "second");
  EXPECT_EQ(payload->annotations().name(), "a");
  EXPECT_EQ(Update(request).status(), Status(Code::kInvalidArgument, "update out of sequence"));

  *request.mutable_resource_version() = payload->meta().version();
  request.clear_payload();
  request.mutable_annotations()->set_name("b");
  EXPECT_EQ(Update(request).status().message(), "cannot change resource name");
  request.mutable_annotations()->set_name("a");
  (*request.mutable_annotations()->mutable_labels())["l"] = "v";
  const auto labels = Update(request);
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ(labels->payload().value(), "second");
  EXPECT_EQ(labels->annotations().labels().at("l"), "v");
}

TEST_F(ResourcesTest, ResourcesAreListedByKind) {
  ASSERT_TRUE(Extend("gpu").ok());
  ASSERT_TRUE(Extend("disk").ok());
  ASSERT_TRUE(Create("a", "gpu").ok());
  const auto b = Create("b", "disk");
  pb::ListResourcesRequest list;
  EXPECT_EQ(Call<pb::ListResourcesResponse>("ListResources", list)->resources_size(), 2);
  list.mutable_filters()->set_kind("disk");
  const auto disks = Call<pb::ListResourcesResponse>("ListResources", list);
  ASSERT_EQ(disks->resources_size(), 1);
  EXPECT_EQ(disks->resources(0).annotations().name(), "b");
  list.mutable_filters()->add_names("a");
  EXPECT_EQ(Call<pb::ListResourcesResponse>("ListResources", list)->resources_size(), 0);
  EXPECT_TRUE(Remove(b->id()).ok());
  EXPECT_EQ(Remove(b->id()), Status(Code::kNotFound, "resource " + b->id() + " not found"));
  EXPECT_EQ(Remove("").message(), "resource ID must be present");
}

}  // namespace
}  // namespace swarm::controlapi
