#include "plan.h"

#include <charconv>
#include <type_traits>
#include <utility>

namespace swarm::executor_process {
namespace {

constexpr std::string_view kMagic = "swarm-task plan 1\n";

// Both archives visit the same fields, so that what one writes the other reads.
class Writer {
 public:
  void operator()(const std::string& text) {
    out += std::to_string(text.size());
    out += ':';
    out += text;
  }
  void operator()(std::int64_t number) { (*this)(std::to_string(number)); }
  void operator()(std::uint64_t number) { (*this)(std::to_string(number)); }
  void operator()(bool flag) { (*this)(static_cast<std::int64_t>(flag)); }
  template <class T>
  requires std::is_enum_v<T>
  void operator()(T value) { (*this)(static_cast<std::int64_t>(value)); }
  template <class T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<std::int64_t>(list.size()));
    for (const T& item : list) (*this)(item);
  }
  template <class T>
  requires requires(Writer& w, const T& t) { Fields(w, t); }
  void operator()(const T& item) { Fields(*this, item); }

  std::string out;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool whole() const { return good_ && rest_.empty(); }

  void operator()(std::string& text) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    const auto digits = static_cast<std::size_t>(end - rest_.data());
    if (error != std::errc() || digits >= rest_.size() || *end != ':' ||
        size > rest_.size() - digits - 1) {
      return Fail();
    }
    text = rest_.substr(digits + 1, size);
    rest_.remove_prefix(digits + 1 + size);
  }
  void operator()(std::int64_t& number) { Number(number); }
  void operator()(std::uint64_t& number) { Number(number); }
  void operator()(bool& flag) {
    std::int64_t number = 0;
    Number(number);
    flag = number != 0;
  }
  template <class T>
  requires std::is_enum_v<T>
  void operator()(T& value) {
    std::int64_t number = 0;
    Number(number);
    value = static_cast<T>(number);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    std::int64_t size = 0;
    Number(size);
    // An item takes two bytes at least, so a wrong count cannot ask for much memory.
    if (size < 0 || static_cast<std::uint64_t>(size) > rest_.size()) return Fail();
    list.clear();
    for (std::int64_t i = 0; i < size && good_; ++i) (*this)(list.emplace_back());
  }
  template <class T>
  requires requires(Reader& r, T& t) { Fields(r, t); }
  void operator()(T& item) { Fields(*this, item); }

 private:
  void Fail() {
    good_ = false;
    rest_ = {};
  }
  template <class T>
  void Number(T& number) {
    std::string text;
    (*this)(text);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) Fail();
  }

  std::string_view rest_;
  bool good_ = true;
};

template <class Archive, class... T>
void All(Archive& archive, T&... fields) {
  (archive(fields), ...);
}

}  // namespace

template <class T, class Wanted>
concept IsA = std::is_same_v<std::remove_const_t<T>, Wanted>;

template <class Archive, IsA<PlanGroup::File> T>
void Fields(Archive& a, T& f) {
  All(a, f.name, f.value, f.required);
}
template <class Archive, IsA<PlanGroup> T>
void Fields(Archive& a, T& g) {
  All(a, g.folder, g.files);
}
template <class Archive, IsA<PlanMount> T>
void Fields(Archive& a, T& m) {
  All(a, m.kind, m.source, m.target, m.read_only, m.recursive, m.read_only_recursive,
      m.create_source, m.propagation, m.propagation_recursive, m.executable, m.options);
}
template <class Archive, IsA<PlanFile> T>
void Fields(Archive& a, T& f) {
  All(a, f.target, f.user, f.group, f.mode, f.data);
}
template <class Archive, IsA<PlanLimit> T>
void Fields(Archive& a, T& l) {
  All(a, l.resource, l.soft, l.hard, l.name);
}
template <class Archive, IsA<PlanHealth> T>
void Fields(Archive& a, T& h) {
  All(a, h.command, h.interval, h.timeout, h.retries, h.start_period, h.start_interval);
}
template <class Archive, IsA<Plan> T>
void Fields(Archive& a, T& p) {
  All(a, p.command, p.environment, p.directory, p.user, p.groups, p.restrict_capabilities,
      p.capabilities, p.no_new_privileges, p.limits, p.oom_score_adjustment, p.hostname,
      p.read_only, p.open_stdin, p.mounts, p.files, p.control_groups, p.oom_events, p.keep_output,
      p.output_size, p.output_files, p.notes, p.health);
}

std::string EncodePlan(const Plan& plan) {
  Writer writer;
  writer.out = kMagic;
  writer(plan);
  return std::move(writer.out);
}

std::optional<Plan> DecodePlan(std::string_view text) {
  if (!text.starts_with(kMagic)) return std::nullopt;
  Reader reader(text.substr(kMagic.size()));
  Plan plan;
  reader(plan);
  if (!reader.whole() || plan.command.empty()) return std::nullopt;
  return plan;
}

}  // namespace swarm::executor_process
