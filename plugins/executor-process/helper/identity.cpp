#include "identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "system.h"

namespace swarm::executor_process {
namespace {

bool AllDigits(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

bool FindGroup(const std::string& text, gid_t* out) {
  if (const group* found = getgrnam(text.c_str())) {
    *out = found->gr_gid;
    return true;
  }
  if (!AllDigits(text)) return false;
  *out = static_cast<gid_t>(std::strtoul(text.c_str(), nullptr, 10));
  return true;
}

// All groups that list the user, and its own.
std::vector<gid_t> GroupsOf(const char* name, gid_t group) {
  int count = 64;
  std::vector<gid_t> out(static_cast<std::size_t>(count));
  while (getgrouplist(name, group, out.data(), &count) < 0) {
    out.resize(static_cast<std::size_t>(count));
  }
  out.resize(static_cast<std::size_t>(count));
  return out;
}

std::string RestrictCapabilities(std::uint64_t allowed) {
  for (unsigned long bit = 0; prctl(PR_CAPBSET_READ, bit, 0, 0, 0) >= 0; ++bit) {
    if ((allowed >> bit & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, bit, 0, 0, 0) != 0) return WithErrno("cannot drop capabilities");
  }
  return {};
}

// What a process that stays root keeps across exec comes from the bounding set; this makes it true
// of the sets it has now.
std::string SetCapabilities(std::uint64_t allowed) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return WithErrno("cannot read capabilities");
  for (int half = 0; half < 2; ++half) {
    const auto bits = static_cast<std::uint32_t>(allowed >> (32 * half));
    data[half].effective &= bits;
    data[half].permitted &= bits;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return WithErrno("cannot set capabilities");
  return {};
}

}  // namespace

std::string FindIdentity(const std::string& wanted, const std::vector<std::string>& groups,
                         Identity* out) {
  if (wanted.empty() && groups.empty()) return {};
  out->change = true;
  const std::size_t colon = wanted.find(':');
  const std::string user = wanted.empty() ? std::to_string(getuid()) : wanted.substr(0, colon);
  const std::string group = colon == std::string::npos ? "" : wanted.substr(colon + 1);
  const std::string failure = "cannot become user " + wanted + ": ";
  const passwd* entry = getpwnam(user.c_str());
  if (!entry && AllDigits(user)) {
    entry = getpwuid(static_cast<uid_t>(std::strtoul(user.c_str(), nullptr, 10)));
  }
  if (!entry && !AllDigits(user)) return failure + "no such user";
  out->user = entry ? entry->pw_uid : static_cast<uid_t>(std::strtoul(user.c_str(), nullptr, 10));
  out->group = entry ? entry->pw_gid : 0;
  out->home = entry ? entry->pw_dir : "/";
  const std::string name = entry ? entry->pw_name : "";
  if (!group.empty() && !FindGroup(group, &out->group)) return failure + "no such group " + group;
  // As on an engine: with a group of one's own choice, only that.
  if (!name.empty() && group.empty()) out->groups = GroupsOf(name.c_str(), out->group);
  for (const std::string& more : groups) {
    gid_t id = 0;
    if (!FindGroup(more, &id)) return "cannot join group " + more + ": no such group";
    out->groups.push_back(id);
  }
  return {};
}

std::string SetLimits(const std::vector<PlanLimit>& limits) {
  for (const PlanLimit& limit : limits) {
    const auto value = [](std::int64_t n) {
      return n < 0 ? RLIM_INFINITY : static_cast<rlim_t>(n);
    };
    const rlimit wanted{value(limit.soft), value(limit.hard)};
    if (setrlimit(static_cast<__rlimit_resource_t>(limit.resource), &wanted) != 0) {
      return WithErrno("cannot set ulimit " + limit.name + "=" + std::to_string(limit.soft) + ":" +
                       std::to_string(limit.hard));
    }
  }
  return {};
}

std::string BecomeIdentity(const Plan& plan, const Identity& identity) {
  if (plan.restrict_capabilities) {
    if (std::string why = RestrictCapabilities(plan.capabilities); !why.empty()) return why;
  }
  if (identity.change) {
    const std::string failure = "cannot become user " + plan.user;
    const bool same = identity.user == getuid() && identity.group == getgid() && getuid() != 0;
    // Who is not root can stay who it is.
    if (!same || !plan.groups.empty()) {
      if (setgroups(identity.groups.size(), identity.groups.data()) != 0 ||
          setgid(identity.group) != 0 || setuid(identity.user) != 0) {
        return WithErrno(failure);
      }
    }
  }
  if (plan.restrict_capabilities) {
    if (std::string why = SetCapabilities(plan.capabilities); !why.empty()) return why;
  }
  if (plan.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return WithErrno("cannot forbid new privileges");
  }
  return {};
}

}  // namespace swarm::executor_process
