#include "filters.h"

#include <algorithm>
#include <utility>

#include "swarm/store_errors.h"

namespace swarm::controlapi {
namespace {

void Append(const Strings& values, By (*make)(std::string), std::vector<By>& out) {
  for (const std::string& v : values) out.push_back(make(v));
}

By Combine(std::vector<By> branches) {
  if (branches.empty()) return By::All();
  if (branches.size() == 1) return std::move(branches.front());
  return By::Or(std::move(branches));
}

}  // namespace

bool FitsAny(const Strings& wanted, std::string_view text) {
  return wanted.empty() || std::any_of(wanted.begin(), wanted.end(),
                                       [text](const std::string& w) { return w == text; });
}

bool FitsPrefix(const Strings& prefixes, std::string_view text) {
  return prefixes.empty() ||
         std::any_of(prefixes.begin(), prefixes.end(),
                     [text](const std::string& p) { return text.starts_with(p); });
}

bool FitsLabels(const Labels& wanted, const Labels& labels) {
  return std::all_of(wanted.begin(), wanted.end(), [&labels](const auto& want) {
    const auto found = labels.find(want.first);
    return found != labels.end() && (want.second.empty() || want.second == found->second);
  });
}

Query& Query::Or(const Strings& values, By (*make)(std::string)) {
  if (branches_.empty()) Append(values, make, branches_);
  return *this;
}

By Query::Done() { return Combine(std::move(branches_)); }

Union& Union::Or(const Strings& values, By (*make)(std::string)) {
  Append(values, make, branches_);
  return *this;
}

By Union::Done() { return Combine(std::move(branches_)); }

Status ListError(Status status) {
  if (store_errors::Is(status, store_errors::kInvalidFindBy)) {
    return {Code::kInvalidArgument, status.message()};
  }
  return status;
}

}  // namespace swarm::controlapi
