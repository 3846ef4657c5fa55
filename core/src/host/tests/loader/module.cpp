// A tiny plugin, good or broken in one way, by what the build defines; see CMakeLists.txt.
#include <iterator>

#include "swarm/plugin.h"

#ifndef TEST_MAGIC
#define TEST_MAGIC ::swarm::kPluginMagic
#endif
#ifndef TEST_SIZE
#define TEST_SIZE sizeof(::swarm::PluginDescriptor)
#endif
#ifndef TEST_ABI
#define TEST_ABI ::swarm::kAbiVersion
#endif
#ifndef TEST_FINGERPRINT
#define TEST_FINGERPRINT ::swarm::kFingerprint
#endif
#ifndef TEST_ROLE
#define TEST_ROLE "component/1"
#endif
#ifndef TEST_REQUIRES
#define TEST_REQUIRES ""
#endif
#ifndef TEST_START
#define TEST_START ::swarm::Status::Ok()
#endif

#ifdef TEST_UNDEFINED
extern "C" void swarm_test_symbol_that_nobody_defines();
#endif

namespace {

class Tiny final : public swarm::Instance {
 public:
  void* role() noexcept override { return this; }
  void Start(swarm::Function<void(swarm::Status)> done) noexcept override {
#ifdef TEST_UNDEFINED
    swarm_test_symbol_that_nobody_defines();
#endif
    done(TEST_START);
  }
  void Stop(swarm::Function<void()> done) noexcept override { done(); }
};

swarm::Result<std::unique_ptr<swarm::Instance>> Create(swarm::InstanceContext&) {
  return std::unique_ptr<swarm::Instance>(std::make_unique<Tiny>());
}

[[maybe_unused]] constexpr swarm::SettingDescriptor kSettings[] = {
    {"size", swarm::SettingType::kInteger, "1", "How large it is.", 1, 9},
};

constexpr swarm::UnitDescriptor kUnits[] = {
    {TEST_ROLE, swarm::Scope::kManager, TEST_REQUIRES, "", &Create},
};

}  // namespace

// One more level, so that the identifier is replaced before it is pasted.
#define TEST_PLUGIN(id) SWARM_PLUGIN(id)

#ifndef TEST_NO_SYMBOL
TEST_PLUGIN(TEST_ID) = {TEST_MAGIC,
                        static_cast<std::uint32_t>(TEST_SIZE),
                        TEST_ABI,
                        TEST_FINGERPRINT,
                        TEST_NAME,
                        "1.0.0",
                        "A plugin of the tests",
                        swarm::Maturity::kWip,
                        kSettings,
                        std::size(kSettings),
                        kUnits,
                        std::size(kUnits)};
#else
extern "C" __attribute__((visibility("default"))) const swarm::UnitDescriptor* swarm_units() {
  return kUnits;
}
#endif

#ifdef TEST_SECOND_SYMBOL
extern "C" __attribute__((visibility("default"))) int swarm_second_symbol() { return 2; }
#endif
