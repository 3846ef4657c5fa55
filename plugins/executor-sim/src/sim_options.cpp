#include "sim_options.h"

#include <charconv>
#include <utility>

namespace swarm::executor_sim {
namespace {

constexpr std::string_view kPrefix = "sim.";

struct Unit {
  std::string_view name;
  double nanoseconds;
};
constexpr Unit kUnits[] = {{"ns", 1},  {"us", 1e3}, {"ms", 1e6},
                           {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};

Status ReadDuration(std::string_view text, std::optional<Duration>& out) {
  SWARM_ASSIGN_OR_RETURN(out, ParseDuration(text));
  return Status::Ok();
}

Result<int> ParseInt(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Status(Code::kInvalidArgument, "\"" + std::string(text) + "\" is not a number");
  }
  return value;
}

Status Apply(std::string_view key, const std::string& value, Overrides& out) {
  if (key == "prepare-delay") return ReadDuration(value, out.prepare);
  if (key == "start-delay") return ReadDuration(value, out.start);
  if (key == "run") return ReadDuration(value, out.run);
  if (key == "stop-delay") return ReadDuration(value, out.stop);
  if (key == "unhealthy-after") return ReadDuration(value, out.unhealthy_after);
  if (key == "resolve-error") return out.resolve_error = value, Status::Ok();
  if (key == "prepare-error") return out.prepare_error = value, Status::Ok();
  if (key == "start-error") return out.start_error = value, Status::Ok();
  if (key == "stop-error") return out.stop_error = value, Status::Ok();
  if (key == "log") return out.log.text = value, Status::Ok();
  if (key == "log-error") return out.log.error = value, Status::Ok();
  if (key == "log-interval") {
    SWARM_ASSIGN_OR_RETURN(out.log.interval, ParseDuration(value));
    return Status::Ok();
  }
  if (key == "log-lines" || key == "log-stderr") {
    SWARM_ASSIGN_OR_RETURN(const int number, ParseInt(value));
    if (number < 0) return {Code::kInvalidArgument, "\"" + value + "\" is below 0"};
    (key == "log-lines" ? out.log.lines : out.log.stderr_every) = number;
    return Status::Ok();
  }
  if (key == "exit" || key == "stop-exit" || key == "prepare-retries") {
    SWARM_ASSIGN_OR_RETURN(const int number, ParseInt(value));
    if (key == "exit") out.exit_code = number;
    if (key == "stop-exit") out.stop_exit_code = number;
    if (key == "prepare-retries") out.prepare_retries = number;
    return Status::Ok();
  }
  return {Code::kInvalidArgument,
          "no such label; known are sim.prepare-delay, sim.start-delay, sim.run, sim.stop-delay, "
          "sim.unhealthy-after, sim.exit, sim.stop-exit, sim.prepare-retries, sim.resolve-error, "
          "sim.prepare-error, sim.start-error, sim.stop-error, sim.log, sim.log-lines, "
          "sim.log-interval, sim.log-stderr, sim.log-error"};
}

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  const Status wrong(Code::kInvalidArgument,
                     "\"" + std::string(text) + "\" is not a duration such as 250ms, 1.5s or 2h");
  if (text == "0") return Duration::zero();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > 1e9) return wrong;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& known : kUnits) {
    if (unit == known.name) return Duration(static_cast<std::int64_t>(number * known.nanoseconds));
  }
  return wrong;
}

SimOptions OptionsFromSettings(const Settings& settings) {
  SimOptions out;
  out.hostname = settings.GetString("hostname");
  out.os = settings.GetString("os");
  out.architecture = settings.GetString("architecture");
  out.cpus = settings.GetInteger("cpus");
  out.memory_bytes = settings.GetInteger("memory");
  out.labels = settings.GetStringMap("labels");
  out.prepare = {settings.GetDuration("prepare_min"), settings.GetDuration("prepare_max")};
  out.start = {settings.GetDuration("start_min"), settings.GetDuration("start_max")};
  out.run = {settings.GetDuration("run_min"), settings.GetDuration("run_max")};
  out.stop = {settings.GetDuration("stop_min"), settings.GetDuration("stop_max")};
  out.unhealthy_after = settings.GetDuration("unhealthy_after");
  out.prepare_failures = settings.GetInteger("prepare_failures");
  out.start_failures = settings.GetInteger("start_failures");
  out.run_failures = settings.GetInteger("run_failures");
  out.failure_exit_code = static_cast<int>(settings.GetInteger("failure_exit_code"));
  return out;
}

Result<std::shared_ptr<const Overrides>> OverridesFromTask(const pb::Task& task) {
  std::shared_ptr<Overrides> out;
  for (const auto& [name, value] : task.spec().container().labels()) {
    if (!name.starts_with(kPrefix)) continue;
    if (!out) out = std::make_shared<Overrides>();
    const Status applied = Apply(std::string_view(name).substr(kPrefix.size()), value, *out);
    if (!applied.ok()) return applied.WithContext("label " + name);
  }
  return std::shared_ptr<const Overrides>(std::move(out));
}

}  // namespace swarm::executor_sim
