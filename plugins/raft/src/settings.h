// Schema of the plugin's section in the YAML file.
#pragma once

#include "options.h"
#include "swarm/settings.h"

namespace swarm::raft {

inline constexpr SettingDescriptor kSettings[] = {
    {"election_timeout", SettingType::kDuration, "1s",
     "A leader silent for so long is given up; heartbeats come ten times as often. The same on all "
     "managers. Not in force while the group has Docker Engines: all then keep to 10s",
     100'000'000, 600'000'000'000},
    {"pre_vote", SettingType::kBool, "true",
     "Ask whether an election can be won before starting one. Off, the group always keeps to "
     "SwarmKit's timing, as it does by itself while it has Docker Engines"},
    {"heartbeat_tick", SettingType::kInteger, "0",
     "Seconds between heartbeats, as SwarmKit's flag. Given, the group always keeps to SwarmKit's "
     "timing. 0: not given",
     0, 600},
    {"election_tick", SettingType::kInteger, "0",
     "Seconds after which a silent leader is given up, as SwarmKit's flag. Given, the group always "
     "keeps to SwarmKit's timing. 0: not given",
     0, 6'000},
    {"snapshot_interval", SettingType::kInteger, "10000",
     "Log entries after which a snapshot of the store replaces them. 0: never", 0, 1'000'000'000},
    {"keep_old_snapshots", SettingType::kInteger, "0",
     "Snapshots kept besides the newest, for going back by hand", 0, 1'000},
    {"log_entries_for_slow_followers", SettingType::kInteger, "500",
     "Log entries from before a snapshot that are kept for members that lag behind and watchers "
     "that resume",
     0, 1'000'000'000},
    {"segment_bytes", SettingType::kBytes, "64000000",
     "Size of a log file; each is allocated whole. The default is what etcd's tools expect", 65'536,
     1'073'741'824},
    {"zero_ahead_bytes", SettingType::kBytes, "8MiB",
     "How far the log file is written with zeros in advance, which makes commits faster. 0: not", 0,
     1'073'741'824},
    {"fips", SettingType::kBool, "false",
     "Encrypt the log with Fernet (AES-128) only. Cannot be changed once the log exists"},
};

}  // namespace swarm::raft
