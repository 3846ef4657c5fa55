// Structured logging. The host makes one root logger; everything else gets a child of it, which
// carries its module's name and fields such as node.id. There is no global logger.
//
// Threading: [any]. A line is formatted only when its level is on.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swarm/export.h"

namespace spdlog {
class logger;
}

namespace swarm {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError, kOff };

struct LogField {
  std::string key;
  std::string value;
};

class SWARM_EXPORT Logger {
 public:
  // Says nothing: for tests and simulations.
  Logger();
  // Writes through `backend`, which formats `fields` as text or JSON (see swarm/log_setup.h).
  explicit Logger(std::shared_ptr<spdlog::logger> backend, std::vector<LogField> fields = {});

  // A logger with `module` as its field "module" (replacing the parent's).
  Logger ForModule(std::string_view module) const;
  Logger With(std::string_view key, std::string_view value) const;

  bool Enabled(LogLevel level) const;
  // `message` is a constant sentence; what varies goes into `fields`.
  void Write(LogLevel level, std::string_view message, std::vector<LogField> fields = {}) const;

  void Debug(std::string_view m, std::vector<LogField> f = {}) const {
    if (Enabled(LogLevel::kDebug)) Write(LogLevel::kDebug, m, std::move(f));
  }
  void Info(std::string_view m, std::vector<LogField> f = {}) const {
    Write(LogLevel::kInfo, m, std::move(f));
  }
  void Warn(std::string_view m, std::vector<LogField> f = {}) const {
    Write(LogLevel::kWarn, m, std::move(f));
  }
  void Error(std::string_view m, std::vector<LogField> f = {}) const {
    Write(LogLevel::kError, m, std::move(f));
  }

 private:
  std::shared_ptr<spdlog::logger> backend_;
  std::shared_ptr<const std::vector<LogField>> fields_;
};

}  // namespace swarm
