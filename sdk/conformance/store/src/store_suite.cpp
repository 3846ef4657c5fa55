#include "conformance/store_suite.h"

#include <utility>

namespace swarm::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreSuite);

StoreSuite::StoreSuite()
    : sim_(1), machine_(sim_.AddMachine("manager")), consensus_(machine_.runtime()) {
  handle_ = GetParam().make(machine_.runtime(), consensus_);
  consensus_.Lead();
  sim_.Settle();
}

StoreSuite::~StoreSuite() { consensus_.Stop(); }

std::shared_ptr<std::optional<Result<Index>>> StoreSuite::Begin(TransactionFn fn) {
  auto result = std::make_shared<std::optional<Result<Index>>>();
  writer()->Update(std::move(fn), [result](Result<Index> r) {
    EXPECT_FALSE(result->has_value()) << "answered twice";
    *result = std::move(r);
  });
  return result;
}

Result<Index> StoreSuite::Run(TransactionFn fn) {
  const auto result = Begin(std::move(fn));
  sim_.Settle();
  if (!result->has_value()) return Status(Code::kDeadlineExceeded, "the update has no outcome");
  return **result;
}

Status StoreSuite::Update(TransactionFn fn) {
  auto result = Run(std::move(fn));
  return result.ok() ? Status::Ok() : result.status();
}

Result<Index> StoreSuite::RunBatch(BatchStep step) {
  auto result = std::make_shared<std::optional<Result<Index>>>();
  writer()->Batch(std::move(step), [result](Result<Index> r) { *result = std::move(r); });
  sim_.Settle();
  if (!result->has_value()) return Status(Code::kDeadlineExceeded, "the batch has no outcome");
  return **result;
}

Status StoreSuite::CreateTask(std::shared_ptr<Task> task) {
  return Update([=](Transaction& tx) { return tx.CreateTask(task); });
}

std::vector<std::string> StoreSuite::TaskIds(const Reader& reader, const By& by) {
  std::vector<std::string> ids;
  const auto found = reader.FindTasks(by);
  EXPECT_TRUE(found.ok()) << found.status();
  if (found.ok()) {
    for (const auto& task : *found) ids.push_back(task->id);
  }
  return ids;
}

std::string StoreSuite::Image() {
  std::string data;
  handle_->state().Capture([&data](Result<StoreImage> image) {
    ASSERT_TRUE(image.ok()) << image.status();
    data = image->data;
  });
  sim_.Settle();
  return data;
}

std::unique_ptr<StoreSuite::Watcher> StoreSuite::StartWatcher(std::vector<Table> tables) {
  auto watcher = std::make_unique<Watcher>();
  watcher->loop = machine_.runtime().NewLoop("watcher", LoopKind::kShared);
  auto [view, subscription] = store().ReadAndWatch(
      {std::move(tables)}, *watcher->loop,
      [w = watcher.get()](CommitPtr c) { w->commits.push_back(std::move(c)); });
  watcher->view = std::move(view);
  watcher->subscription = std::move(subscription);
  return watcher;
}

std::string StoreSuite::Describe(const Commit& commit) {
  std::string out;
  for (const Event& e : commit.events) {
    if (!out.empty()) out += "; ";
    out += e.change == Change::kCreate   ? "create "
           : e.change == Change::kUpdate ? "update "
                                         : "remove ";
    out += std::string(TableName(e.table)) + " ";
    if (e.task) {
      out += e.task->id;
    } else {
      const auto* field = e.object->GetDescriptor()->FindFieldByName("id");
      out += e.object->GetReflection()->GetString(*e.object, field);
    }
    if (e.change == Change::kUpdate) out += e.old_object || e.old_task ? " (old)" : " (no old)";
  }
  out += commit.index ? " @" + std::to_string(commit.index->value()) : " @-";
  return out;
}

std::shared_ptr<pb::Node> MakeNode(const std::string& id, const std::string& hostname,
                                   pb::NodeRole role, pb::NodeSpec::Membership membership) {
  auto node = std::make_shared<pb::Node>();
  node->set_id(id);
  node->mutable_description()->set_hostname(hostname);
  node->set_role(role);
  node->mutable_spec()->set_membership(membership);
  return node;
}

std::shared_ptr<pb::Service> MakeService(const std::string& id, const std::string& name) {
  auto service = std::make_shared<pb::Service>();
  service->set_id(id);
  service->mutable_spec()->mutable_annotations()->set_name(name);
  return service;
}

std::shared_ptr<pb::Network> MakeNetwork(const std::string& id, const std::string& name) {
  auto network = std::make_shared<pb::Network>();
  network->set_id(id);
  network->mutable_spec()->mutable_annotations()->set_name(name);
  return network;
}

std::shared_ptr<pb::Extension> MakeExtension(const std::string& id, const std::string& name) {
  auto extension = std::make_shared<pb::Extension>();
  extension->set_id(id);
  extension->mutable_annotations()->set_name(name);
  return extension;
}

std::shared_ptr<pb::Resource> MakeResource(const std::string& id, const std::string& name,
                                           const std::string& kind) {
  auto resource = std::make_shared<pb::Resource>();
  resource->set_id(id);
  resource->mutable_annotations()->set_name(name);
  resource->set_kind(kind);
  return resource;
}

std::shared_ptr<pb::Volume> MakeVolume(const std::string& id, const std::string& name,
                                       const std::string& group, const std::string& driver) {
  auto volume = std::make_shared<pb::Volume>();
  volume->set_id(id);
  volume->mutable_spec()->mutable_annotations()->set_name(name);
  volume->mutable_spec()->set_group(group);
  volume->mutable_spec()->mutable_driver()->set_name(driver);
  return volume;
}

std::shared_ptr<Task> MakeTask(const std::string& id, const std::string& service,
                               std::uint64_t slot, const std::string& node) {
  auto task = std::make_shared<Task>();
  task->id = id;
  task->service_id = service;
  task->slot = slot;
  task->node_id = node;
  auto spec = std::make_shared<pb::TaskSpec>();
  spec->mutable_container()->set_image("busybox");
  task->spec = std::move(spec);
  auto annotations = std::make_shared<pb::Annotations>();
  annotations->set_name("name-of-" + service);
  task->service_annotations = std::move(annotations);
  return task;
}

void AddIndex(pb::Annotations* annotations, const std::string& key, const std::string& value) {
  auto* entry = annotations->add_indices();
  entry->set_key(key);
  entry->set_val(value);
}

}  // namespace swarm::conformance
