// Random changes, made alike to the store and to the reference store: every look-up agrees.
#include <cctype>
#include <functional>
#include <utility>

#include "conformance/store_suite.h"
#include "fakes/reference_store.h"
#include "swarmkit/v1/snapshot.pb.h"

namespace swarm::conformance {
namespace {

using std::string;

constexpr std::uint64_t kNames = 8;
constexpr std::uint64_t kObjects = 25;

class Agreement {
 public:
  explicit Agreement(Random& random) : random_(random) {}

  std::uint64_t Below(std::uint64_t limit) { return random_.Below(limit); }
  string Name(const string& prefix, std::uint64_t count = kNames) {
    string name = prefix + std::to_string(Below(count));
    if (Below(4) == 0) name[0] = static_cast<char>(std::toupper(name[0]));
    return name;
  }
  string Id(const string& prefix) { return prefix + std::to_string(Below(kObjects)); }

  void Annotate(pb::Annotations* annotations) {
    annotations->set_name(Name("name"));
    for (std::uint64_t n = Below(3); n > 0; --n)
      AddIndex(annotations, Name("key", 2), Name("v", 3));
  }
  void FillSpec(pb::TaskSpec* spec) {
    if (Below(5) == 0) return spec->mutable_generic()->set_kind(Name("kind", 2));
    for (std::uint64_t n = Below(3); n > 0; --n) spec->add_networks()->set_target(Name("net", 3));
    for (std::uint64_t n = Below(3); n > 0; --n) {
      spec->mutable_container()->add_secrets()->set_secret_id(Name("sec", 3));
    }
    if (Below(2) == 0) spec->mutable_container()->add_configs()->set_config_id(Name("conf", 3));
  }

  std::shared_ptr<pb::Service> Service() {
    auto service = MakeService(Id("s"), "");
    service->mutable_spec()->clear_annotations();
    Annotate(service->mutable_spec()->mutable_annotations());
    FillSpec(service->mutable_spec()->mutable_task());
    return service;
  }
  std::shared_ptr<pb::Node> Node() {
    auto node = MakeNode(Id("n"), Name("host"), Below(2) ? pb::MANAGER : pb::WORKER,
                         Below(2) ? pb::NodeSpec::ACCEPTED : pb::NodeSpec::PENDING);
    if (Below(5) == 0) node->clear_description();
    return node;
  }
  std::shared_ptr<Task> NewTask() {
    auto task = MakeTask(Id("t"), Name("svc", 3), Below(4), Below(3) ? Name("node", 3) : "");
    auto spec = std::make_shared<pb::TaskSpec>();
    FillSpec(spec.get());
    task->spec = std::move(spec);
    task->desired_state = Below(2) ? pb::RUNNING : pb::SHUTDOWN;
    task->status.state = Below(2) ? pb::RUNNING : pb::FAILED;
    if (Below(3) == 0) {
      auto extras = std::make_shared<TaskExtras>();
      Annotate(&extras->annotations);
      if (Below(2)) extras->volumes.emplace_back().set_id(Name("vol", 3));
      task->extras = std::move(extras);
    }
    return task;
  }

  // One change, drawn once and made to both.
  std::function<Status(Transaction&)> Draw() {
    switch (Below(5)) {
      case 0:
        return Put(Service());
      case 1:
        return Put(Node());
      case 2:
        return Put(MakeVolume(Id("v"), Name("vol"), Below(2) ? Name("g", 2) : "", Name("d", 2)));
      case 3:
        return [task = NewTask()](Transaction& tx) {
          auto copy = std::make_shared<Task>(*task);
          const TaskPtr stored = tx.GetTask(task->id);
          if (!stored) return tx.CreateTask(copy);
          copy->version = stored->version;
          return tx.UpdateTask(copy);
        };
      default:
        break;
    }
    static constexpr std::pair<Table, const char*> kKinds[] = {
        {Table::kService, "s"}, {Table::kNode, "n"}, {Table::kVolume, "v"}, {Table::kTask, "t"}};
    const auto [table, prefix] = kKinds[Below(4)];
    return [table = table, id = Id(prefix)](Transaction& tx) { return tx.Delete(table, id); };
  }

  By Selector() {
    switch (Below(22)) {
      case 0:
        return By::All();
      case 1:
        return By::Name(Name("name"));
      case 2:
        return By::NamePrefix(Name("name", 1).substr(0, 1 + Below(5)));
      case 3:
        return By::IdPrefix(Id("s").substr(0, 2));
      case 4:
        return By::Custom(Name("key", 2), Name("v", 3));
      case 5:
        return By::CustomPrefix(Name("key", 2), "v");
      case 6:
        return By::Runtime(Below(2) ? "container" : "kind1");
      case 7:
        return By::ReferencedNetwork(Name("net", 3));
      case 8:
        return By::ReferencedSecret(Name("sec", 3));
      case 9:
        return By::ReferencedConfig(Name("conf", 3));
      case 10:
        return By::Node(Below(3) ? Name("node", 3) : "");
      case 11:
        return By::Service(Name("svc", 3));
      case 12:
        return By::Slot(Name("svc", 3), Below(4));
      case 13:
        return By::DesiredState(Below(2) ? pb::RUNNING : pb::SHUTDOWN);
      case 14:
        return By::TaskState(Below(2) ? pb::RUNNING : pb::FAILED);
      case 15:
        return By::VolumeAttachment(Name("vol", 3));
      case 16:
        return By::Role(Below(2) ? pb::MANAGER : pb::WORKER);
      case 17:
        return By::Membership(pb::NodeSpec::ACCEPTED);
      case 18:
        return By::VolumeGroup(Below(2) ? Name("g", 2) : "");
      case 19:
        return By::Driver(Name("d", 2));
      case 20:
        return By::NamePrefix("name-of-" + Name("svc", 3));
      default:
        return By::Or({Selector(), Selector(), Selector()});
    }
  }

 private:
  template <class M>
  static std::function<Status(Transaction&)> Put(std::shared_ptr<M> object) {
    return [object](Transaction& tx) {
      auto copy = std::make_shared<M>(*object);
      const auto stored = tx.template Get<M>(object->id());
      if (!stored) return tx.Create(copy);
      *copy->mutable_meta() = stored->meta();
      return tx.Update(copy);
    };
  }

  Random& random_;
};

// What a look-up gives, or why it does not.
string Answer(const Reader& reader, Table table, const By& by) {
  string out;
  Status status;
  if (table == Table::kTask) {
    status = reader.FindTasks(by, [&](const TaskPtr& task) {
      out += task->id + "@" + std::to_string(task->version) + " ";
      return true;
    });
  } else {
    status = reader.FindMessages(table, by, [&](const MessagePtr& message) {
      const auto* reflection = message->GetReflection();
      out += reflection->GetString(*message, message->GetDescriptor()->FindFieldByName("id")) + " ";
      return true;
    });
  }
  return status.ok() ? out : status.ToString();
}

TEST_P(StoreSuite, AgreesWithTheReferenceStoreInEveryLookUp) {
  fakes::MemoryConsensus other_consensus(machine_.runtime());
  fakes::ReferenceStore reference(machine_.runtime(), other_consensus);
  other_consensus.Lead();
  sim_.Settle();
  const auto random = machine_.runtime().NewRandom();
  Agreement draw(*random);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::function<Status(Transaction&)>> changes;
    for (std::uint64_t n = 1 + draw.Below(6); n > 0; --n) changes.push_back(draw.Draw());
    // A transaction goes on after a refused write; some give up at the end.
    const bool give_up = draw.Below(6) == 0;
    const auto make = [&](std::vector<string>& outcomes) {
      return [&changes, &outcomes, give_up](Transaction& tx) {
        outcomes.clear();
        for (const auto& change : changes) outcomes.push_back(change(tx).ToString());
        return give_up ? Status(Code::kCancelled, "given up") : Status::Ok();
      };
    };
    std::vector<string> here;
    std::vector<string> there;
    const Status mine = Update(make(here));
    reference.writer()->Update(make(there), [](const Result<Index>&) {});
    sim_.Settle();
    EXPECT_EQ(mine.ok(), !give_up);
    ASSERT_EQ(here, there) << "round " << round;
    ASSERT_EQ(consensus_.CommitIndex(), other_consensus.CommitIndex());
    const ViewPtr mine_view = view();
    const ViewPtr reference_view = reference.Read();
    for (const Table table : {Table::kService, Table::kNode, Table::kVolume, Table::kTask}) {
      ASSERT_EQ(mine_view->Count(table), reference_view->Count(table));
      for (int i = 0; i < 12; ++i) {
        const By by = draw.Selector();
        ASSERT_EQ(Answer(*mine_view, table, by), Answer(*reference_view, table, by))
            << "round " << round << ", table " << TableName(table) << ", selector "
            << static_cast<int>(by.kind) << " " << by.text << " " << by.value;
      }
    }
  }
  EXPECT_GT(view()->Count(Table::kTask), 5u) << "the changes left something to agree on";
  pb::StoreSnapshot a;
  pb::StoreSnapshot b;
  ASSERT_TRUE(a.ParseFromString(Image()));
  ASSERT_TRUE(b.ParseFromString(reference.Image().data));
  EXPECT_EQ(a.DebugString(), b.DebugString());
  other_consensus.Stop();
}

}  // namespace
}  // namespace swarm::conformance
