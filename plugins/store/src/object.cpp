#include "object.h"

#include <utility>

namespace swarm::store {
namespace {

// Calls `fn` with the object as its own message type; not for tasks.
template <class Fn>
decltype(auto) WithType(Table table, const void* object, Fn&& fn) {
  switch (table) {
    case Table::kCluster:
      return fn(As<pb::Cluster>(object));
    case Table::kConfig:
      return fn(As<pb::Config>(object));
    case Table::kExtension:
      return fn(As<pb::Extension>(object));
    case Table::kNetwork:
      return fn(As<pb::Network>(object));
    case Table::kNode:
      return fn(As<pb::Node>(object));
    case Table::kResource:
      return fn(As<pb::Resource>(object));
    case Table::kSecret:
      return fn(As<pb::Secret>(object));
    case Table::kService:
      return fn(As<pb::Service>(object));
    case Table::kTask:
    case Table::kVolume:
      break;
  }
  return fn(As<pb::Volume>(object));
}

const pb::Meta& MetaMessage(Table table, const void* object) {
  return WithType(table, object, [](const auto& m) -> const pb::Meta& { return m.meta(); });
}

bool HasMeta(Table table, const void* object) {
  return WithType(table, object, [](const auto& m) { return m.has_meta(); });
}

TaskTime TimeOf(bool present, const google::protobuf::Timestamp& time) {
  if (!present) return {};
  return {time.seconds(), time.nanos(), true};
}

void SetTime(const TaskTime& time, google::protobuf::Timestamp* out) {
  out->set_seconds(time.seconds);
  out->set_nanos(time.nanos);
}

void SetMetaMessage(const MetaValue& value, pb::Meta* meta) {
  if (value.has_version) {
    meta->mutable_version()->set_index(value.version);
  } else {
    meta->clear_version();
  }
  if (value.created_at.present) {
    SetTime(value.created_at, meta->mutable_created_at());
  } else {
    meta->clear_created_at();
  }
  if (value.updated_at.present) {
    SetTime(value.updated_at, meta->mutable_updated_at());
  } else {
    meta->clear_updated_at();
  }
}

const pb::Annotations& NoAnnotations() { return pb::Annotations::default_instance(); }

}  // namespace

std::string_view IdOf(Table table, const void* object) {
  if (table == Table::kTask) return AsTask(object).id;
  return WithType(table, object, [](const auto& m) -> std::string_view { return m.id(); });
}

std::uint64_t VersionOf(Table table, const void* object) {
  if (table == Table::kTask) return AsTask(object).version;
  return MetaMessage(table, object).version().index();
}

const pb::Annotations& AnnotationsOf(Table table, const void* object) {
  switch (table) {
    case Table::kTask: {
      const Task& task = AsTask(object);
      return task.extras ? task.extras->annotations : NoAnnotations();
    }
    case Table::kCluster:
      return As<pb::Cluster>(object).spec().annotations();
    case Table::kConfig:
      return As<pb::Config>(object).spec().annotations();
    case Table::kExtension:
      return As<pb::Extension>(object).annotations();
    case Table::kNetwork:
      return As<pb::Network>(object).spec().annotations();
    case Table::kNode:
      return As<pb::Node>(object).spec().annotations();
    case Table::kResource:
      return As<pb::Resource>(object).annotations();
    case Table::kSecret:
      return As<pb::Secret>(object).spec().annotations();
    case Table::kService:
      return As<pb::Service>(object).spec().annotations();
    case Table::kVolume:
      return As<pb::Volume>(object).spec().annotations();
  }
  return NoAnnotations();
}

MetaValue MetaOf(Table table, const void* object) {
  if (table == Table::kTask) {
    const Task& task = AsTask(object);
    return {true, true, task.version, task.created_at, task.updated_at};
  }
  const pb::Meta& meta = MetaMessage(table, object);
  return {HasMeta(table, object), meta.has_version(), meta.version().index(),
          TimeOf(meta.has_created_at(), meta.created_at()),
          TimeOf(meta.has_updated_at(), meta.updated_at())};
}

void SetMeta(Table table, void* object, const MetaValue& meta) {
  if (table == Table::kTask) {
    Task& task = *static_cast<Task*>(object);
    task.version = meta.version;
    task.created_at = meta.created_at;
    task.updated_at = meta.updated_at;
    return;
  }
  WithType(table, object, [&meta](const auto& m) {
    // The object is the caller's, handed over for good: nobody else sees it yet.
    auto& writable = const_cast<std::remove_cvref_t<decltype(m)>&>(m);
    if (meta.has_meta) {
      SetMetaMessage(meta, writable.mutable_meta());
    } else {
      writable.clear_meta();
    }
  });
}

TaskTime ToTaskTime(WallTime time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns = time.time_since_epoch().count();
  std::int64_t seconds = ns / kSecond;
  if (ns % kSecond < 0) --seconds;
  return {seconds, static_cast<std::int32_t>(ns - seconds * kSecond), true};
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool HasUniqueNames(Table table) { return table != Table::kNode && table != Table::kTask; }

bool NameKey(Table table, const void* object, std::string& out) {
  if (table == Table::kTask) {
    out = LowerCase(TaskName(AsTask(object)));
    return true;
  }
  if (table == Table::kNode) {
    const auto& node = As<pb::Node>(object);
    out = LowerCase(node.description().hostname());
    return node.has_description();
  }
  out = LowerCase(AnnotationsOf(table, object).name());
  return true;
}

Ref<Anchor> MakeAnchor(Table table, const void* object) {
  std::string name;
  const bool has_name = NameKey(table, object, name);
  return Anchor::Make(IdOf(table, object), has_name, name,
                      table == Table::kTask ? AsTask(object).slot : 0);
}

bool FitsAnchor(Table table, const void* object, const Anchor& anchor) {
  if (table == Table::kTask && AsTask(object).slot != anchor.slot) return false;
  std::string name;
  const bool has_name = NameKey(table, object, name);
  return has_name == anchor.has_name && name == anchor.name();
}

int ActionField(Table table) {
  switch (table) {
    case Table::kNode:
      return 2;
    case Table::kService:
      return 3;
    case Table::kTask:
      return 4;
    case Table::kNetwork:
      return 5;
    case Table::kCluster:
      return 6;
    case Table::kSecret:
      return 7;
    case Table::kResource:
      return 8;
    case Table::kExtension:
      return 9;
    case Table::kConfig:
      return 10;
    case Table::kVolume:
      return 11;
  }
  return 0;
}

int SnapshotField(Table table) {
  // Networks come before tasks there.
  if (table == Table::kNetwork) return 3;
  if (table == Table::kTask) return 4;
  return ActionField(table) - 1;
}

}  // namespace swarm::store
