// What a plugin's instance is handed, made by hand: for tests of one plugin without a host.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/check.h"
#include "swarm/network.h"
#include "swarm/plugin.h"
#include "swarm/rpc.h"

namespace swarm::fakes {

// Values of a schema: its defaults, except for `overrides`, which are written the same way.
// Durations and sizes have one number and one unit.
class SettingReader {
 public:
  using Texts = std::map<std::string, std::string, std::less<>>;

  static Settings Read(std::span<const SettingDescriptor> schema, const Texts& overrides = {}) {
    std::map<std::string, Settings::Value, std::less<>> values;
    std::size_t used = 0;
    for (const SettingDescriptor& setting : schema) {
      auto found = overrides.find(std::string_view(setting.key));
      used += found != overrides.end();
      SWARM_CHECK(found != overrides.end() || setting.default_value,
                  "a required setting has an override");
      values.emplace(
          setting.key,
          Value(setting.type, found != overrides.end() ? found->second : setting.default_value));
    }
    SWARM_CHECK(used == overrides.size(), "overrides name keys of the schema");
    return Settings(std::move(values));
  }

 private:
  static Settings::Value Value(SettingType type, const std::string& text) {
    switch (type) {
      case SettingType::kBool:
        return text == "true";
      case SettingType::kInteger:
        return std::int64_t{std::stoll(text)};
      case SettingType::kBytes:
        return Scaled(text);
      case SettingType::kDuration:
        return Duration(Scaled(text));
      case SettingType::kStringList:
        return std::vector<std::string>();
      case SettingType::kStringMap:
        return std::map<std::string, std::string>();
      default:
        return text;
    }
  }

  static std::int64_t Scaled(const std::string& text) {
    static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"", 1},
                                                                           {"ns", 1},
                                                                           {"us", 1'000},
                                                                           {"ms", 1'000'000},
                                                                           {"s", 1'000'000'000},
                                                                           {"m", 60'000'000'000},
                                                                           {"h", 3'600'000'000'000},
                                                                           {"KiB", 1 << 10},
                                                                           {"MiB", 1 << 20},
                                                                           {"GiB", 1 << 30}};
    std::size_t end = 0;
    double number = std::stod(text, &end);
    for (const auto& [unit, factor] : kUnits) {
      if (text.substr(end) == unit) {
        return static_cast<std::int64_t>(number * static_cast<double>(factor));
      }
    }
    SWARM_CHECK(false, "a setting's unit is known");
    return 0;
  }
};

// Everything public: fill in what the instance will ask for.
class FakeContext final : public InstanceContext {
 public:
  explicit FakeContext(Runtime& runtime) : runtime_(runtime) {}

  const Logger& logger() const noexcept override { return log; }
  Runtime& runtime() noexcept override { return runtime_; }
  Network& network() noexcept override {
    SWARM_CHECK(network_part, "the test gave a network");
    return *network_part;
  }
  Router& router() noexcept override {
    SWARM_CHECK(router_part, "the test gave a router");
    return *router_part;
  }
  const Settings& settings() const noexcept override { return values; }
  const NodeInfo& node() const noexcept override { return node_info; }
  const InstanceParameters* parameters() const noexcept override { return instance_parameters; }
  void* Find(std::string_view role) noexcept override {
    auto all = FindAll(role);
    return all.empty() ? nullptr : all.front();
  }
  std::vector<void*> FindAll(std::string_view role) noexcept override {
    auto found = roles.find(role);
    return found == roles.end() ? std::vector<void*>() : found->second;
  }
  // As the role's provider would give itself.
  template <class Interface>
  void Provide(std::string_view role, Interface& provider) {
    roles[std::string(role)].push_back(static_cast<Interface*>(&provider));
  }

  Logger log;
  Network* network_part = nullptr;
  Router* router_part = nullptr;
  Settings values;
  NodeInfo node_info;
  const InstanceParameters* instance_parameters = nullptr;
  std::map<std::string, std::vector<void*>, std::less<>> roles;

 private:
  Runtime& runtime_;
};

}  // namespace swarm::fakes
